import { z } from 'zod'
import { databaseAddress } from './database-address.ts'
import { flag, list, optionalFlag, optionalSeconds, seconds, setting, text, unlessEmpty } from './settings.ts'

/** What every project asks of its server. */
export const serverVariables = {
  // A variable that nobody has set must not bring a development server to the world.
  NODE_ENV: setting(
    z.preprocess((value) => value || undefined, z.enum(['development', 'test', 'production']).default('production')),
    'development, test or production; empty: production. npm start is always production, and npm run dev always development.\n' +
      'So it is for npm run sessions alone, which looks after the sessions of npm run dev where it says development.',
    '',
  ),
  HOST: setting(
    z.string().min(1).default('localhost'),
    'Where to listen: localhost is for this machine alone; in a container, or without a proxy on this machine, 0.0.0.0 (or ::)',
  ),
  PORT: setting(z.coerce.number().int().min(0).max(65_535).default(3000), 'The port to listen on'),
  REQUEST_TIMEOUT: setting(
    seconds.min(1).max(3600).default(60),
    'Seconds that a request may take to arrive. After a change of key the old one is good for late requests as long',
  ),
  PUBLIC_ORIGIN: setting(
    unlessEmpty(z.url().optional()),
    'The address people use, such as https://app.example; needed behind a proxy that changes the host name',
  ),
  SECRET_KEY: setting(
    text,
    'At least 32 random bytes: openssl rand -base64 48. In development one is made and kept under data/',
  ),
  SECRET_KEY_FALLBACKS: setting(
    list.default([]),
    'Former secrets, comma separated: what they signed or sealed is still read, never written',
  ),
  TRUSTED_PROXIES: setting(
    z.coerce.number().int().min(0).max(10).default(0),
    'How many proxies of your own stand in front; their X-Forwarded-For is believed',
  ),
  LOG_LEVEL: setting(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    'fatal, error, warn, info, debug, trace or silent',
  ),
}

/** What is in the database. */
export const databaseVariables = {
  DATABASE_URL: setting(
    databaseAddress.default('sqlite:./data/app.sqlite3'),
    'sqlite:./path, postgres://user:password@host/name or mysql://user:password@host/name',
  ),
  SESSION_DATABASE_URL: setting(
    unlessEmpty(databaseAddress.optional()),
    'Sessions in a database of their own; empty for the same one',
  ),
}

/** The session cookie. */
export const cookieVariables = {
  SESSION_COOKIE_NAME: setting(
    z.string().min(1).default('sessionid'),
    'In production the name gains the prefix __Host- where path and domain allow it',
  ),
  SESSION_COOKIE_AGE: setting(seconds.min(1).default(1_209_600), 'Seconds; two weeks by default'),
  SESSION_COOKIE_DOMAIN: setting(text, 'Empty: the host that set it, and no other'),
  SESSION_COOKIE_PATH: setting(z.string().startsWith('/').default('/'), 'The paths that it is sent to'),
  SESSION_COOKIE_SECURE: setting(optionalFlag, 'Empty: true in production, false elsewhere'),
  SESSION_COOKIE_HTTPONLY: setting(flag.default(true), 'Hides it from scripts of the page'),
  SESSION_COOKIE_SAMESITE: setting(z.enum(['Lax', 'Strict', 'None']).default('Lax'), 'Lax, Strict or None'),
  SESSION_COOKIE_MAX_SIZE: setting(
    z.coerce.number().int().min(256).max(4096).default(4096),
    'Bytes of name and value; browsers drop more than 4096',
  ),
}

/** How long sessions live, and how large they may be. */
export const lifeVariables = {
  SESSION_EXPIRE_AT_BROWSER_CLOSE: setting(
    flag.default(false),
    'End sessions with the browser unless one says otherwise',
  ),
  SESSION_SAVE_EVERY_REQUEST: setting(
    flag.default(false),
    'Count every request that carries the cookie as activity, even if no handler asks for the session',
  ),
  SESSION_IDLE_AGE: setting(optionalSeconds, 'Seconds without activity after which a session ends; empty for none'),
  SESSION_ABSOLUTE_AGE: setting(
    optionalSeconds,
    'Seconds after sign-in at which a session ends, whatever the activity; empty for none',
  ),
  SESSION_TOUCH_AFTER: setting(
    z.coerce.number().min(0).max(1).default(0.1),
    'Share of the sliding window that passes before activity is written down again',
  ),
  SESSION_MAX_BYTES: setting(
    z.coerce.number().int().min(1024).max(1_048_576).default(65_536),
    'Largest session in bytes, as serialized',
  ),
  SESSION_CLEANUP_INTERVAL: setting(
    seconds.default(3600),
    'Seconds between two clean-ups of expired sessions by the application itself; 0 for none',
  ),
}
