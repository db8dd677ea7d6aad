import { z } from 'zod'
import { DEFAULT_DATABASE_URL, databaseAddress } from './database-address.ts'
import {
  flag,
  list,
  milliseconds,
  optionalFlag,
  optionalSeconds,
  seconds,
  setting,
  text,
  unlessEmpty,
} from './settings.ts'

const INVALID_STORE_TIMEOUT = 'must be 100 to 60000 milliseconds'
const ORIGIN_WANTED = 'must be http:// or https:// and a host, without a path'

/** As browsers send it in the Origin header: in lower case, without a slash or a default port. */
const publicOrigin = z
  .url({ protocol: /^https?$/, error: ORIGIN_WANTED })
  .transform((text) => new URL(text))
  .refine((url) => url.href === `${url.origin}/`, ORIGIN_WANTED)
  .transform(({ origin }) => origin)

/** The server. */
export const serverVariables = {
  // Unset means production, so that no development server is exposed by accident.
  NODE_ENV: setting(
    z.preprocess((value) => value || undefined, z.enum(['development', 'test', 'production']).default('production')),
    'development, test or production; empty: production. npm start is always production, npm run dev always development.\n' +
      'npm run sessions works on the sessions of npm run dev if this is development.',
    '',
  ),
  HOST: setting(
    z.string().min(1).default('localhost'),
    'The address to listen on: localhost accepts connections of this machine only; in a container, or without a proxy on this machine, use 0.0.0.0 (or ::)',
  ),
  PORT: setting(z.coerce.number().int().min(0).max(65_535).default(3000), 'The port to listen on'),
  REQUEST_TIMEOUT: setting(
    seconds.min(1).max(3600).default(30),
    'Max seconds that a request may take to arrive, headers and body; for as long and 30 seconds more,\n' +
      'late requests with an old session key are still accepted',
  ),
  MAX_BODY_BYTES: setting(
    z.coerce.number().int().min(1024).max(16_777_216).default(65_536),
    'Max bytes of a request body, after decompression',
  ),
  PUBLIC_ORIGIN: setting(
    unlessEmpty(publicOrigin.optional()),
    'The public origin, such as https://app.example: the only one whose pages may send forms. Needed behind a proxy that\n' +
      'changes the Host header. With https, the proxy must send X-Forwarded-Proto.',
  ),
  SECRET_KEY: setting(
    text,
    'At least 32 random bytes: openssl rand -base64 48. In development one is generated and kept under data/',
  ),
  SECRET_KEY_FALLBACKS: setting(
    list.default([]),
    'Other secrets, comma separated, old ones or the next: used to read, never to write. See "A new secret" in docs/security.md',
  ),
  TRUSTED_PROXIES: setting(
    z.coerce.number().int().min(0).max(10).default(0),
    'Number of your proxies in front of this server; their X-Forwarded-For, -Proto and -Host are trusted',
  ),
  LOG_LEVEL: setting(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    'fatal, error, warn, info, debug, trace or silent',
  ),
}

/** Sign-in. */
export const accountVariables = {
  PASSWORD_MIN_LENGTH: setting(
    z.coerce.number().int().min(12).max(64).default(12),
    'Min characters of a new password, 12 to 64; NIST asks for 15 where the password is the only factor',
  ),
  ATTEMPTS_PER_ADDRESS: setting(
    z.coerce.number().int().min(1).max(1_000_000).default(50),
    'Failed sign-ins from one address (IPv6: a /64 network) in five minutes, after which more are refused; likewise for\n' +
      'names that are entered at registration. Raise it if many people share an address',
  ),
  PASSWORD_QUEUE: setting(
    z.coerce.number().int().min(1).max(10_000).default(20),
    'Max passwords that wait to be hashed in each process, half of them from one address; more sign-ins are answered\n' +
      'with 503, those of that address with 429',
  ),
}

/** The databases. */
export const databaseVariables = {
  DATABASE_URL: setting(
    databaseAddress.default(DEFAULT_DATABASE_URL),
    'sqlite:./path, postgres://user:password@host/name or mysql://user:password@host/name',
  ),
  SESSION_DATABASE_URL: setting(
    unlessEmpty(databaseAddress.optional()),
    'A separate database for sessions; empty: the same database',
  ),
}

/** The session cookie. */
export const cookieVariables = {
  SESSION_COOKIE_NAME: setting(
    z.string().min(1).default('sessionid'),
    'In production the prefix __Host- is added if path and domain allow it',
  ),
  SESSION_COOKIE_AGE: setting(
    seconds.min(1).default(1_209_600),
    'Max age of the cookie and the session in seconds; two weeks by default',
  ),
  SESSION_COOKIE_DOMAIN: setting(text, 'Empty: only the host that set the cookie'),
  SESSION_COOKIE_PATH: setting(z.string().startsWith('/').default('/'), 'The cookie is sent to this path and below'),
  SESSION_COOKIE_SECURE: setting(optionalFlag, 'Empty: true in production, otherwise false'),
  SESSION_COOKIE_HTTPONLY: setting(flag.default(true), 'Hides the cookie from scripts in the page'),
  ALLOW_INSECURE_COOKIES: setting(
    flag.default(false),
    'true: production starts with SESSION_COOKIE_SECURE=false or SESSION_COOKIE_HTTPONLY=false, and logs a warning',
  ),
  SESSION_COOKIE_SAMESITE: setting(z.enum(['Lax', 'Strict', 'None']).default('Lax'), 'Lax, Strict or None'),
  SESSION_COOKIE_MAX_SIZE: setting(
    z.coerce.number().int().min(256).max(4096).default(4096),
    'Max bytes of name and value; browsers drop larger cookies than 4096',
  ),
}

/** How long sessions live, and how large they may be. */
export const lifeVariables = {
  SESSION_EXPIRE_AT_BROWSER_CLOSE: setting(
    flag.default(false),
    'Sessions end when the browser closes, unless setExpiry says otherwise',
  ),
  SESSION_SAVE_EVERY_REQUEST: setting(
    flag.default(false),
    'Every request with the cookie counts as activity, even if no handler opens the session',
  ),
  SESSION_IDLE_AGE: setting(optionalSeconds, 'Seconds without activity after which a session ends; empty: no limit'),
  SESSION_ABSOLUTE_AGE: setting(
    unlessEmpty(z.preprocess((value) => (value === 'none' ? 0 : value), seconds).default(2_592_000)),
    'Seconds after sign-in at which a session ends, active or not; 30 days by default; 0 or none: no limit',
  ),
  SESSION_TOUCH_AFTER: setting(
    z.coerce.number().min(0).max(1).default(0.1),
    'Activity is saved again after this share of the session lifetime, 0 to 1',
  ),
  SESSION_MAX_BYTES: setting(
    z.coerce.number().int().min(1024).max(1_048_576).default(65_536),
    'Max bytes of a session, serialized',
  ),
  SESSION_MAX_NEW_PER_MINUTE: setting(
    seconds.default(60),
    'Max new sessions of anonymous visitors per address (IPv6: per /64) and minute, in each process; 0: no limit',
  ),
  SESSION_MAX_PER_USER: setting(
    seconds.default(50),
    'Max sessions of a user: a sign-in above it ends those that were not used for longest; 0: no limit.\n' +
      'Sessions that are in cookies are not counted',
  ),
  SESSION_STORE_TIMEOUT: setting(
    milliseconds.min(100, INVALID_STORE_TIMEOUT).max(60_000, INVALID_STORE_TIMEOUT).default(1000),
    'Max milliseconds that a request waits for all storage together: for connections, locks and answers of databases, caches\n' +
      'and files; after that it is answered with 503. 100 to 60000',
  ),
  SESSION_CLEANUP_INTERVAL: setting(
    seconds.default(3600),
    'Seconds between clean-ups of expired sessions by the application; 0: never',
  ),
}
