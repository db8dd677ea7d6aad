import {
  accountVariables,
  cookieVariables,
  databaseVariables,
  lifeVariables,
  serverVariables,
} from './base-settings.ts'
import { MIN_SECRET_BYTES, type Secrets } from './session/codec/secrets.ts'
import { ConfigError, readValues, type Values, type Variables } from './settings.ts'
import { partVariables, readCaches, readStorage, storageVariables } from './storage/settings.ts'

/**
 * Every environment variable in groups, with its type, default and meaning. Nothing else in the project reads the
 * environment; `.env.example` is written from these.
 */
export const variableGroups: readonly Variables[] = [
  serverVariables,
  databaseVariables,
  accountVariables,
  storageVariables,
  partVariables,
  cookieVariables,
  lifeVariables,
]

const variables = {
  ...serverVariables,
  ...databaseVariables,
  ...accountVariables,
  ...storageVariables,
  ...cookieVariables,
  ...lifeVariables,
}

/** The settings of this process, validated. Ages are seconds. */
export type Config = ReturnType<typeof readConfig>

/** Where sessions are stored: the engine, the format, and the table if the engine uses the database. */
export interface StorageConfig {
  readonly engine: string
  readonly format: string
  readonly table: string
}

/** The other engine while sessions migrate, and the database of its records. */
export interface MigratingConfig {
  /** Whether sessions move, from the other engine to the current one; otherwise they will move to the other one. */
  readonly moves: boolean
  readonly other: StorageConfig
  readonly databaseUrl: string
}

/** The names of all variables. */
export const variableNames: readonly string[] = variableGroups.flatMap((group) => Object.keys(group))

const CLOCK_DIFFERENCE_SECONDS = 30
const EXAMPLE_SECRETS = ['change-me', 'changeme', 'secret', 'example', 'insecure', 'your-secret']

/**
 * Reads and checks the settings.
 *
 * @throws ConfigError naming the first variable that is wrong, and what it should be
 */
export function readConfig(env: NodeJS.ProcessEnv) {
  const base = readValues(variables, env)
  /** The settings of engines, caches and formats, for {@link Settings.of}. */
  const values: Readonly<Record<string, unknown>> = readValues(partVariables, env)
  const production = base.NODE_ENV === 'production'
  const secrets = checkedSecrets([base.SECRET_KEY, ...base.SECRET_KEY_FALLBACKS], production)
  const { cacheUrls, cacheUrl } = readCaches(values)
  const databaseUrl = base.SESSION_DATABASE_URL ?? base.DATABASE_URL
  const { current, migrating } = readStorage(base, { production, cacheUrl, values }, databaseUrl)
  return {
    mode: base.NODE_ENV,
    production,
    host: base.HOST,
    port: base.PORT,
    requestTimeout: base.REQUEST_TIMEOUT,
    // A request may have begun on a machine whose clock differs.
    lateRequestSeconds: base.REQUEST_TIMEOUT + CLOCK_DIFFERENCE_SECONDS,
    maxBodyBytes: base.MAX_BODY_BYTES,
    publicOrigin: base.PUBLIC_ORIGIN,
    secrets,
    trustedProxies: base.TRUSTED_PROXIES,
    attemptsPerAddress: base.ATTEMPTS_PER_ADDRESS,
    passwordQueue: base.PASSWORD_QUEUE,
    logLevel: base.LOG_LEVEL,
    databaseUrl: base.DATABASE_URL,
    passwordMinLength: base.PASSWORD_MIN_LENGTH,
    cacheUrl,
    cacheUrls,
    values,
    session: { ...current, migrating, databaseUrl, ...sessionSettings(base, production) },
  }
}

function sessionSettings(values: Values<typeof variables>, production: boolean) {
  const secure = values.SESSION_COOKIE_SECURE ?? production
  if (values.SESSION_COOKIE_SAMESITE === 'None' && !secure) {
    throw new ConfigError('SESSION_COOKIE_SAMESITE=None needs SESSION_COOKIE_SECURE=true: browsers drop such a cookie.')
  }
  if (production && !values.ALLOW_INSECURE_COOKIES) {
    const refused = !secure
      ? 'SESSION_COOKIE_SECURE'
      : !values.SESSION_COOKIE_HTTPONLY
        ? 'SESSION_COOKIE_HTTPONLY'
        : undefined
    const danger = secure ? 'scripts in a page could read the cookie' : 'the cookie could be sent unencrypted'
    if (refused !== undefined) {
      throw new ConfigError(
        `${refused}=false is refused in production, because ${danger}; ALLOW_INSECURE_COOKIES=true allows it.`,
      )
    }
  }
  const hostOnly = secure && values.SESSION_COOKIE_PATH === '/' && values.SESSION_COOKIE_DOMAIN === undefined
  const prefix = production && hostOnly && !values.SESSION_COOKIE_NAME.startsWith('__') ? '__Host-' : ''
  return {
    cleanupInterval: values.SESSION_CLEANUP_INTERVAL,
    serializer: values.SESSION_SERIALIZER,
    maxBytes: values.SESSION_MAX_BYTES,
    maxNewPerMinute: values.SESSION_MAX_NEW_PER_MINUTE,
    maxPerUser: values.SESSION_MAX_PER_USER,
    storeTimeout: values.SESSION_STORE_TIMEOUT,
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
      absoluteAge: values.SESSION_ABSOLUTE_AGE === 0 ? undefined : values.SESSION_ABSOLUTE_AGE,
      atBrowserClose: values.SESSION_EXPIRE_AT_BROWSER_CLOSE,
      touchAfter: values.SESSION_TOUCH_AFTER,
    },
  }
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
    // Outside production only the primary is checked: the codecs refuse a short one in every mode.
    if ((production || index === 0) && Buffer.byteLength(secret) < MIN_SECRET_BYTES)
      throw new ConfigError(`${name} is too short: use at least ${MIN_SECRET_BYTES} random bytes.`)
    if (production && looksLikeExample(secret))
      throw new ConfigError(`${name} is an example: use at least 32 random bytes.`)
  }
  return secrets
}

function looksLikeExample(secret: string): boolean {
  const lower = secret.toLowerCase()
  return EXAMPLE_SECRETS.some((example) => lower.includes(example)) || new Set(secret).size < 8
}
