import { z } from 'zod'
import { MIN_SECRET_BYTES, type Secrets } from './session/codec/secrets.ts'

/**
 * Every environment variable, its type, default and meaning. Nothing else in the project reads the
 * environment; `.env.example` is checked against this table.
 */
const seconds = z.coerce.number().int().nonnegative()
const optionalSeconds = z.preprocess((text) => (text === '' ? undefined : text), seconds.positive().optional())
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')
const optionalFlag = z.preprocess((text) => (text === '' ? undefined : text), flag.optional())
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())
const milliseconds = z.coerce.number().int().min(1).max(60_000)
const list = z.string().transform((value) => value.split(',').filter((item) => item !== ''))

const ENGINES = ['db', 'cache', 'cached_db', 'file', 'signed_cookies', 'hybrid'] as const
const FORMATS = ['sealed', 'django'] as const
const CHECK_INTERVAL = 'must be 1 to 3600 seconds'
const MIGRATING_FROM = new RegExp(`^(${ENGINES.join('|')})(,(${FORMATS.join('|')}))?$`)

const variables = z.object({
  // A variable that nobody has set must not bring a development server to the world.
  NODE_ENV: z.preprocess(
    (value) => value || undefined,
    z.enum(['development', 'test', 'production']).default('production'),
  ),
  HOST: z.string().min(1).default('localhost'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  REQUEST_TIMEOUT: seconds.min(1).max(3600).default(60),
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
  CACHE_URL: z
    .string()
    .regex(
      /^(memory:$|rediss?(-cluster|-sentinel)?:\/\/|memcached:\/\/)/,
      'must be memory: or start with redis://, redis-cluster://, redis-sentinel:// (rediss… for TLS) or memcached://',
    )
    .default('memory:'),
  CACHE_KEY_PREFIX: z
    .string()
    .regex(/^[\w.-]{1,32}$/, 'must be 1 to 32 letters, digits, dots, dashes and underscores')
    .default('session'),
  CACHE_VERSION: z.coerce.number().int().min(1).default(1),
  CACHE_CONNECT_TIMEOUT: milliseconds.default(1000),
  CACHE_COMMAND_TIMEOUT: milliseconds.default(500),
  CACHE_COMPRESSION: z.enum(['none', 'zlib', 'lz4']).default('none'),
  CACHE_FALLBACK: z.enum(['none', 'db']).default('none'),
  CACHE_MAX_FAILURES: z.coerce.number().int().min(1).default(3),
  CACHE_CHECK_INTERVAL: seconds.min(1, CHECK_INTERVAL).max(3600, CHECK_INTERVAL).default(60),
  CACHE_LOCAL_ENTRIES: z.coerce.number().int().min(0).max(1_000_000).default(0),
  SESSION_ENGINE: z.enum(ENGINES).default('db'),
  SESSION_FORMAT: z.enum(FORMATS).default('sealed'),
  SESSION_MOVING_FROM: text.pipe(
    z
      .string()
      .regex(MIGRATING_FROM, `must be an engine (${ENGINES.join(', ')}), and may name its format: db,django`)
      .optional(),
  ),
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
  SESSION_CACHE_TIMEOUT: seconds.min(1).default(3600),
  SESSION_CACHE_STRATEGY: z.enum(['write_through', 'write_behind', 'cache_aside']).default('write_through'),
  SESSION_CACHE_WARMING: z.enum(['lazy', 'proactive', 'selective']).default('lazy'),
  SESSION_FILE_PATH: z.string().min(1).default('./data/sessions'),
  SESSION_FILE_LAYOUT: z.enum(['flat', 'hashed', 'dated']).default('hashed'),
  SESSION_HYBRID_LIMIT: z.coerce.number().int().min(256).max(4000).default(3000),
  SESSION_COOKIE_OVERFLOW: z.enum(['error', 'degrade']).default('error'),
  SESSION_COOKIE_DROP: list.default([]),
  SESSION_COOKIE_REPLAY: optionalSeconds,
  SESSION_CLEANUP_INTERVAL: seconds.default(3600),
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
    requestTimeout: values.REQUEST_TIMEOUT,
    publicOrigin: values.PUBLIC_ORIGIN,
    secrets,
    trustedProxies: values.TRUSTED_PROXIES,
    logLevel: values.LOG_LEVEL,
    databaseUrl: values.DATABASE_URL,
    cache: {
      url: values.CACHE_URL,
      prefix: values.CACHE_KEY_PREFIX,
      version: values.CACHE_VERSION,
      connectTimeout: values.CACHE_CONNECT_TIMEOUT,
      commandTimeout: values.CACHE_COMMAND_TIMEOUT,
      compression: values.CACHE_COMPRESSION,
      fallback: values.CACHE_FALLBACK,
      maxFailures: values.CACHE_MAX_FAILURES,
      checkInterval: values.CACHE_CHECK_INTERVAL,
      localEntries: values.CACHE_LOCAL_ENTRIES,
    },
    session: sessionSettings(values, production),
  }
}

function sessionSettings(values: z.infer<typeof variables>, production: boolean) {
  const secure = values.SESSION_COOKIE_SECURE ?? production
  if (values.SESSION_COOKIE_SAMESITE === 'None' && !secure) {
    throw new ConfigError('SESSION_COOKIE_SAMESITE=None needs SESSION_COOKIE_SECURE=true: browsers drop such a cookie.')
  }
  const hostOnly = secure && values.SESSION_COOKIE_PATH === '/' && values.SESSION_COOKIE_DOMAIN === undefined
  const prefix = production && hostOnly && !values.SESSION_COOKIE_NAME.startsWith('__') ? '__Host-' : ''
  const table = values.SESSION_TABLE ?? TABLES[values.SESSION_FORMAT]
  const home = checkedHome(
    { engine: values.SESSION_ENGINE, format: values.SESSION_FORMAT, table },
    values.SESSION_SERIALIZER,
  )
  return {
    ...home,
    migratingFrom: checkedSource(values.SESSION_MOVING_FROM, home),
    databaseUrl: values.SESSION_DATABASE_URL ?? values.DATABASE_URL,
    cacheTimeout: values.SESSION_CACHE_TIMEOUT,
    cacheStrategy: values.SESSION_CACHE_STRATEGY,
    cacheWarming: values.SESSION_CACHE_WARMING,
    filePath: values.SESSION_FILE_PATH,
    fileLayout: values.SESSION_FILE_LAYOUT,
    hybridLimit: values.SESSION_HYBRID_LIMIT,
    overflow: values.SESSION_COOKIE_OVERFLOW,
    dropOrder: values.SESSION_COOKIE_DROP,
    replayWindow: values.SESSION_COOKIE_REPLAY,
    cleanupInterval: values.SESSION_CLEANUP_INTERVAL,
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

/** Where sessions live: the engine, how they are written, and the table if they are in a database. */
export interface SessionHome {
  readonly engine: (typeof ENGINES)[number]
  readonly format: (typeof FORMATS)[number]
  readonly table: string
}

const TABLES = { sealed: 'sessions', django: 'django_session' } as const
// Nobody else reads what the other engines write, and a copy in a cache would not notice what Django writes.
const SHARED_WITH_DJANGO: readonly string[] = ['db', 'file', 'signed_cookies']

function checkedHome(home: SessionHome, serializer: string): SessionHome {
  if (home.format === 'django' && serializer !== 'json') {
    throw new ConfigError(
      'SESSION_SERIALIZER=msgpack is nothing that Django reads: use json with SESSION_FORMAT=django.',
    )
  }
  if (home.format === 'django' && !SHARED_WITH_DJANGO.includes(home.engine)) {
    throw new ConfigError(
      `SESSION_FORMAT=django is for the engines ${SHARED_WITH_DJANGO.join(', ')}, and not for ${home.engine}.`,
    )
  }
  return home
}

function checkedSource(text: string | undefined, to: SessionHome): SessionHome | undefined {
  if (text === undefined) return undefined
  const [, engine, , format] = MIGRATING_FROM.exec(text) ?? []
  const from = {
    engine: ENGINES.find((name) => name === engine) ?? to.engine,
    format: FORMATS.find((name) => name === format) ?? to.format,
  }
  if (from.engine === to.engine && from.format === to.format) {
    throw new ConfigError(`SESSION_MOVING_FROM is wrong: sessions are in ${text} already.`)
  }
  return checkedHome({ ...from, table: from.format === to.format ? to.table : TABLES[from.format] }, 'json')
}

function checkedSecrets([primary, ...fallbacks]: readonly (string | undefined)[], production: boolean): Secrets {
  if (primary === undefined) {
    throw new ConfigError(
      'SECRET_KEY is missing: set it to at least 32 random bytes, for example from `openssl rand -base64 48`.',
    )
  }
  const secrets: Secrets = [primary, ...fallbacks.filter((secret) => secret !== undefined)]
  for (const [index, secret] of secrets.entries()) {
    const name = index === 0 ? 'SECRET_KEY' : 'SECRET_KEY_FALLBACKS'
    // The first one the codecs would refuse in every mode.
    if ((production || index === 0) && Buffer.byteLength(secret) < MIN_SECRET_BYTES)
      throw new ConfigError(`${name} is too short: use at least ${MIN_SECRET_BYTES} random bytes.`)
    if (production && looksLikeExample(secret))
      throw new ConfigError(`${name} is an example: use at least 32 random bytes of your own.`)
  }
  return secrets
}

function looksLikeExample(secret: string): boolean {
  const lower = secret.toLowerCase()
  return EXAMPLE_SECRETS.some((example) => lower.includes(example)) || new Set(secret).size < 8
}
