import { z } from 'zod'

/**
 * Every environment variable, its type, default and meaning. Nothing else in the project reads the
 * environment; `.env.example` is checked against this table.
 */
const seconds = z.coerce.number().int().nonnegative()
const optionalSeconds = z.preprocess((text) => (text === '' ? undefined : text), seconds.positive().optional())
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')
const optionalFlag = z.preprocess((text) => (text === '' ? undefined : text), flag.optional())
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())
const list = z.string().transform((value) => value.split(',').filter((item) => item !== ''))

const variables = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  HOST: z.string().min(1).default('localhost'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  PUBLIC_ORIGIN: z.preprocess((value) => (value === '' ? undefined : value), z.url().optional()),
  SECRET_KEY: text,
  SECRET_KEY_FALLBACKS: list.default([]),
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  DATABASE_URL: z
    .string()
    .regex(/^(sqlite:|postgres(ql)?:\/\/|mysql:\/\/)/, 'must start with sqlite:, postgres:// or mysql://')
    .default('sqlite:./data/app.sqlite3'),
  SESSION_DATABASE_URL: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z
      .string()
      .regex(/^(sqlite:|postgres(ql)?:\/\/|mysql:\/\/)/, 'must start with sqlite:, postgres:// or mysql://')
      .optional(),
  ),
  SESSION_ENGINE: z.enum(['db']).default('db'),
  SESSION_FORMAT: z.enum(['sealed', 'django']).default('sealed'),
  SESSION_TABLE: text.pipe(
    z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a lower-case SQL name')
      .optional(),
  ),
  SESSION_SERIALIZER: z.enum(['json', 'msgpack']).default('json'),
  SESSION_COOKIE_NAME: z.string().min(1).default('sessionid'),
  SESSION_COOKIE_AGE: seconds.min(1).default(1_209_600),
  SESSION_COOKIE_DOMAIN: text,
  SESSION_COOKIE_PATH: z.string().startsWith('/').default('/'),
  SESSION_COOKIE_SECURE: optionalFlag,
  SESSION_COOKIE_HTTPONLY: flag.default(true),
  SESSION_COOKIE_SAMESITE: z.enum(['Lax', 'Strict', 'None']).default('Lax'),
  SESSION_COOKIE_MAX_SIZE: z.coerce.number().int().min(256).max(4096).default(4096),
  SESSION_EXPIRE_AT_BROWSER_CLOSE: flag.default(false),
  SESSION_SAVE_EVERY_REQUEST: flag.default(false),
  SESSION_IDLE_AGE: optionalSeconds,
  SESSION_ABSOLUTE_AGE: optionalSeconds,
  SESSION_TOUCH_AFTER: z.coerce.number().min(0).max(1).default(0.1),
  SESSION_MAX_BYTES: z.coerce.number().int().min(1024).max(1_048_576).default(65_536),
})

/** The settings of this process, validated. Ages are seconds. */
export type Config = ReturnType<typeof readConfig>

/** A setting that cannot be; its message is one sentence for the person who set it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** The names of all variables, for `.env.example` and the docs. */
export const variableNames: readonly string[] = Object.keys(variables.shape)

const EXAMPLE_SECRETS = ['change-me', 'changeme', 'secret', 'example', 'insecure', 'your-secret']
const SECRET_BYTES = 32

/**
 * Reads and checks the settings.
 *
 * @throws ConfigError naming the first variable that is wrong, and what it should be
 */
export function readConfig(env: NodeJS.ProcessEnv) {
  const parsed = variables.safeParse(env)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ConfigError(`${String(issue?.path[0])} is wrong: ${issue?.message}.`)
  }
  const values = parsed.data
  const production = values.NODE_ENV === 'production'
  const secrets = checkedSecrets([values.SECRET_KEY, ...values.SECRET_KEY_FALLBACKS], production)
  return {
    mode: values.NODE_ENV,
    production,
    host: values.HOST,
    port: values.PORT,
    publicOrigin: values.PUBLIC_ORIGIN,
    secrets,
    trustedProxies: values.TRUSTED_PROXIES,
    logLevel: values.LOG_LEVEL,
    databaseUrl: values.DATABASE_URL,
    session: sessionSettings(values, production),
  }
}

function sessionSettings(values: z.infer<typeof variables>, production: boolean) {
  const secure = values.SESSION_COOKIE_SECURE ?? production
  const hostOnly = secure && values.SESSION_COOKIE_PATH === '/' && values.SESSION_COOKIE_DOMAIN === undefined
  const prefix = production && hostOnly && !values.SESSION_COOKIE_NAME.startsWith('__') ? '__Host-' : ''
  return {
    engine: values.SESSION_ENGINE,
    format: values.SESSION_FORMAT,
    databaseUrl: values.SESSION_DATABASE_URL ?? values.DATABASE_URL,
    table: values.SESSION_TABLE ?? (values.SESSION_FORMAT === 'django' ? 'django_session' : 'sessions'),
    serializer: values.SESSION_SERIALIZER,
    maxBytes: values.SESSION_MAX_BYTES,
    saveEveryRequest: values.SESSION_SAVE_EVERY_REQUEST,
    cookie: {
      name: prefix + values.SESSION_COOKIE_NAME,
      path: values.SESSION_COOKIE_PATH,
      domain: values.SESSION_COOKIE_DOMAIN,
      secure,
      httpOnly: values.SESSION_COOKIE_HTTPONLY,
      sameSite: values.SESSION_COOKIE_SAMESITE,
      maxSize: values.SESSION_COOKIE_MAX_SIZE,
    },
    expiry: {
      cookieAge: values.SESSION_COOKIE_AGE,
      idleAge: values.SESSION_IDLE_AGE,
      absoluteAge: values.SESSION_ABSOLUTE_AGE,
      atBrowserClose: values.SESSION_EXPIRE_AT_BROWSER_CLOSE,
      touchAfter: values.SESSION_TOUCH_AFTER,
    },
  }
}

type Secrets = readonly [string, ...string[]]

function checkedSecrets([primary, ...fallbacks]: readonly (string | undefined)[], production: boolean): Secrets {
  if (primary === undefined) {
    throw new ConfigError(
      'SECRET_KEY is missing: set it to at least 32 random bytes, for example from `openssl rand -base64 48`.',
    )
  }
  const secrets: Secrets = [primary, ...fallbacks.filter((secret) => secret !== undefined)]
  for (const [index, secret] of secrets.entries()) {
    const name = index === 0 ? 'SECRET_KEY' : 'SECRET_KEY_FALLBACKS'
    if (!production) continue
    if (Buffer.byteLength(secret) < SECRET_BYTES)
      throw new ConfigError(`${name} is too short: use at least 32 random bytes.`)
    if (looksLikeExample(secret))
      throw new ConfigError(`${name} is an example: use at least 32 random bytes of your own.`)
  }
  return secrets
}

function looksLikeExample(secret: string): boolean {
  const lower = secret.toLowerCase()
  return EXAMPLE_SECRETS.some((example) => lower.includes(example)) || new Set(secret).size < 8
}
