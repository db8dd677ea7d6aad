import { z } from 'zod'
import type { MigratingConfig, StorageConfig } from '../config.ts'
import { ConfigError, setting, text, unlessEmpty, type Values, type Variables } from '../settings.ts'
import { caches, engines, formats, migration, named, parts } from './index.ts'
import type { MigrationStep } from './part.ts'

const namesOf = (parts: readonly { readonly name: string }[]) => parts.map(({ name }) => name)
const firstName = (parts: readonly { readonly name: string }[]) => parts[0]?.name ?? ''
const describe = (parts: readonly { readonly name: string; readonly help: string }[]) =>
  parts.map(({ name, help }) => `${name} (${help})`).join(', ')

/** Settings of every engine and format. */
export const storageVariables = {
  SESSION_ENGINE: setting(
    z.enum(namesOf(engines)).default(firstName(engines)),
    `Where sessions are stored: ${describe(engines)}; see docs/choosing-an-engine.md`,
  ),
  SESSION_FORMAT: setting(
    z.enum(namesOf(formats)).default(firstName(formats)),
    `The format of sessions: ${describe(formats)}`,
  ),
  SESSION_TABLE: setting(
    text.pipe(
      z
        .string()
        .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a lower-case SQL name')
        .optional(),
    ),
    `The table of sessions; empty: ${formats.map(({ name, table }) => `${table} in the format ${name}`).join(', ')}`,
  ),
  SESSION_SERIALIZER: setting(
    z.enum(['json', 'msgpack']).default('json'),
    'How session data are serialized: json or msgpack',
  ),
} satisfies Variables

const DEFAULT_CACHE = 'default'

const addresses = caches.map(({ help }) => help)
const defaults = caches.flatMap(({ defaultAddress }) => defaultAddress ?? [])
const schemes = caches.flatMap(({ schemes }) => schemes ?? [])
const rule = [defaults, schemes].flatMap((values, n) =>
  values.length === 0 ? [] : [`${n === 0 ? 'be' : 'start with'} ${values.join(' or ')}`],
)
const isAddress = (value: string) => caches.some(({ address }) => address.test(value))
const cacheUrl = setting(
  unlessEmpty(
    z
      .string()
      .refine(isAddress, `must ${rule.join(' or ')}`)
      .optional(),
  ),
  `The cache: ${addresses.join(',\nor ')}.\n${emptyMeaning()}`,
)

const namedCaches = setting(
  z
    .string()
    .default('')
    .transform((value, context) => {
      const entries = value.split(/\s+/).filter((entry) => entry !== '')
      const found = new Map<string, string>()
      for (const entry of entries) {
        const [, name = '', url = ''] = /^([a-z][\w-]{0,31})=(.+)$/s.exec(entry) ?? []
        // Without the entry, which may have a password.
        if (!isAddress(url)) context.addIssue(`must be name=address pairs, each of which must ${rule.join(' or ')}`)
        else if (found.has(name)) context.addIssue(`names "${name}" twice`)
        found.set(name, url)
      }
      return Object.fromEntries(found)
    }),
  'Several caches: name=address pairs with spaces in between, such as default=memory: sessions=redis://localhost:6379. CACHE_URL is the short form of the one named default',
  '',
)
const alias = setting(
  z.string().min(1).default(DEFAULT_CACHE),
  'The cache of CACHES that holds the sessions; the others are for your own code (openNamedCache in src/storage/open.ts)',
)

function emptyMeaning(): string {
  const [defaultAddress] = defaults
  if (defaultAddress === undefined) return 'Required by every engine that uses a cache'
  return `Empty: ${defaultAddress}, which the engine cache refuses in production`
}

/** Settings of the parts. */
export const partVariables: Variables = Object.assign(
  {},
  caches.length > 0 ? { CACHE_URL: cacheUrl, CACHES: namedCaches, SESSION_CACHE_ALIAS: alias } : {},
  ...parts.flatMap(({ settings }) => settings.map(({ variables }) => variables)),
)

const cacheValues = z.object({
  CACHE_URL: z.string().optional(),
  CACHES: z.record(z.string(), z.string()).default({}),
  SESSION_CACHE_ALIAS: z.string().default(DEFAULT_CACHE),
})

/**
 * The addresses of all caches by name, and that of the cache of the sessions; undefined if no cache is configured.
 *
 * @throws ConfigError if the alias names none of them, or two are named default
 */
export function readCaches(values: Readonly<Record<string, unknown>>) {
  const { CACHE_URL: url, CACHES: named, SESSION_CACHE_ALIAS: name } = cacheValues.parse(values)
  if (url !== undefined && named[DEFAULT_CACHE] !== undefined) {
    throw new ConfigError(`CACHE_URL and CACHES both name the cache "${DEFAULT_CACHE}": remove one.`)
  }
  const cacheUrls: Readonly<Record<string, string>> = url === undefined ? named : { ...named, [DEFAULT_CACHE]: url }
  const names = Object.keys(cacheUrls).join(', ')
  if (cacheUrls[name] === undefined && name !== DEFAULT_CACHE) {
    throw new ConfigError(`SESSION_CACHE_ALIAS is wrong: CACHES names no "${name}", but ${names || 'none'}.`)
  }
  if (cacheUrls[name] === undefined && names !== '') {
    throw new ConfigError(
      `CACHES is wrong: name one "${DEFAULT_CACHE}", or set SESSION_CACHE_ALIAS to one of ${names}.`,
    )
  }
  return { cacheUrls, cacheUrl: cacheUrls[name] }
}

/** Settings that engines and formats are checked against. */
interface CheckedSettings {
  readonly production: boolean
  readonly cacheUrl: string | undefined
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Where sessions are stored, and where others are while they migrate.
 *
 * @param databaseUrl the database of sessions
 * @throws ConfigError if the engine, the format and other settings do not fit
 */
export function readStorage(
  {
    SESSION_ENGINE: engine,
    SESSION_FORMAT: format,
    SESSION_TABLE,
    SESSION_SERIALIZER,
  }: Values<typeof storageVariables>,
  settings: CheckedSettings,
  databaseUrl: string,
): { current: StorageConfig; migrating: MigratingConfig | undefined } {
  const problem = named(formats, format).validate?.(SESSION_SERIALIZER)
  if (problem !== undefined) throw new ConfigError(problem)
  const current = { engine, format, table: SESSION_TABLE ?? named(formats, format).table }
  check(current, 'SESSION_ENGINE', settings)
  const step = migration?.step(settings)
  if (step === undefined) return { current, migrating: undefined }
  const url = step.databaseUrl ?? databaseUrl
  const other = readOther(step, current, url !== databaseUrl)
  check(other, nameOf(step), settings)
  return { current, migrating: { moves: step.moves, other, databaseUrl: url } }
}

function nameOf({ moves }: MigrationStep): string {
  return moves ? 'SESSION_MOVING_FROM' : 'SESSION_MOVING_TO'
}

function check({ engine: name, format: formatName }: StorageConfig, variable: string, settings: CheckedSettings): void {
  const engine = named(engines, name)
  if (named(formats, formatName).shared && !engine.shareable) {
    const shareable = namesOf(engines.filter(({ shareable }) => shareable)).join(', ')
    throw new ConfigError(`SESSION_FORMAT=${formatName} works with the engines ${shareable}, not with ${name}.`)
  }
  const problem = engine.validate?.(settings)
  if (problem !== undefined) throw new ConfigError(`${variable}=${name} ${problem}.`)
}

function readOther(step: MigrationStep, current: StorageConfig, isElsewhere: boolean): StorageConfig {
  const text = step.other
  const [engine = '', format = current.format, ...more] = text.split(',')
  if (!namesOf(engines).includes(engine) || !namesOf(formats).includes(format) || more.length > 0) {
    const known = namesOf(engines).join(', ')
    const formatted = `${firstName(engines)},${namesOf(formats).at(-1)}`
    throw new ConfigError(
      `${nameOf(step)} is wrong: must be an engine (${known}), optionally with its format: ${formatted}.`,
    )
  }
  if (engine === current.engine && format === current.format && !isElsewhere) {
    throw new ConfigError(`${nameOf(step)} is wrong: it names the current engine (${text}).`)
  }
  return { engine, format, table: format === current.format ? current.table : named(formats, format).table }
}
