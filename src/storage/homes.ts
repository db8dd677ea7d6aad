import { z } from 'zod'
import type { SessionHome } from '../config.ts'
import { ConfigError, setting, text, unlessEmpty, type Values, type Variables } from '../settings.ts'
import { caches, engines, formats, migration, named, parts } from './index.ts'

const names = (of: readonly { readonly name: string }[]) => of.map(({ name }) => name)
const first = (of: readonly { readonly name: string }[]) => of[0]?.name ?? ''
const inWords = (of: readonly { readonly name: string; readonly help: string }[]) =>
  of.map(({ name, help }) => `${name} (${help})`).join(', ')

/** What is asked of every engine and format. */
export const homeVariables = {
  SESSION_ENGINE: setting(
    z.enum(names(engines)).default(first(engines)),
    `Where sessions live: ${inWords(engines)}; see docs/choosing-an-engine.md`,
  ),
  SESSION_FORMAT: setting(z.enum(names(formats)).default(first(formats)), `How they are written: ${inWords(formats)}`),
  SESSION_TABLE: setting(
    text.pipe(
      z
        .string()
        .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a lower-case SQL name')
        .optional(),
    ),
    `The table of sessions; empty: ${formats.map(({ name, table }) => `${table} in the format ${name}`).join(', ')}`,
  ),
  SESSION_SERIALIZER: setting(z.enum(['json', 'msgpack']).default('json'), 'json or msgpack'),
} satisfies Variables

const accepted = caches.map(({ help }) => help)
const exact = caches.flatMap(({ defaultAddress }) => defaultAddress ?? [])
const starts = caches.flatMap(({ schemes }) => schemes ?? [])
const rule = [exact, starts].flatMap((of, n) =>
  of.length === 0 ? [] : [`${n === 0 ? 'be' : 'start with'} ${of.join(' or ')}`],
)
const isAddress = (value: string) => caches.some(({ address }) => address.test(value))
const cacheUrl = setting(
  unlessEmpty(
    z
      .string()
      .refine(isAddress, `must ${rule.join(' or ')}`)
      .optional(),
  ),
  `The cache: ${accepted.join(',\nor ')}.\n${emptyMeans()}`,
)

function emptyMeans(): string {
  const [byDefault] = exact
  if (byDefault === undefined) return 'Every engine that needs a cache needs this setting'
  return `Empty: ${byDefault}, which production takes for copies only`
}

/** What the parts ask for. */
export const partVariables: Variables = Object.assign(
  {},
  caches.length > 0 ? { CACHE_URL: cacheUrl } : {},
  ...parts.flatMap(({ settings }) => settings.map(({ variables }) => variables)),
)

/** The address in CACHE_URL; undefined where none was named. */
export function cacheUrlOf(values: Readonly<Record<string, unknown>>): string | undefined {
  return z.string().optional().parse(values['CACHE_URL'])
}

/** What a home is checked against. */
interface Surroundings {
  readonly production: boolean
  readonly cacheUrl: string | undefined
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Where sessions are, and where older ones still are.
 *
 * @throws ConfigError for an engine, a format and settings that do not go together
 */
export function readHomes(
  { SESSION_ENGINE: engine, SESSION_FORMAT: format, SESSION_TABLE, SESSION_SERIALIZER }: Values<typeof homeVariables>,
  around: Surroundings,
): { to: SessionHome; migratingFrom: SessionHome | undefined } {
  const refused = named(formats, format).refusal?.(SESSION_SERIALIZER)
  if (refused !== undefined) throw new ConfigError(refused)
  const to = { engine, format, table: SESSION_TABLE ?? named(formats, format).table }
  check(to, 'SESSION_ENGINE', around)
  const text = migration?.from(around)
  if (text === undefined) return { to, migratingFrom: undefined }
  const from = readFrom(text, to)
  check(from, 'SESSION_MOVING_FROM', around)
  return { to, migratingFrom: from }
}

function check({ engine: name, format: formatName }: SessionHome, variable: string, around: Surroundings): void {
  const engine = named(engines, name)
  if (named(formats, formatName).shared && !engine.shareable) {
    const shareable = names(engines.filter((one) => one.shareable)).join(', ')
    throw new ConfigError(`SESSION_FORMAT=${formatName} is for the engines ${shareable}, and not for ${name}.`)
  }
  const refused = engine.refusal?.(around)
  if (refused !== undefined) throw new ConfigError(`${variable}=${name} ${refused}.`)
}

function readFrom(text: string, to: SessionHome): SessionHome {
  const [engine = '', format = to.format, ...more] = text.split(',')
  if (!names(engines).includes(engine) || !names(formats).includes(format) || more.length > 0) {
    const known = names(engines).join(', ')
    const formatted = `${first(engines)},${names(formats).at(-1)}`
    throw new ConfigError(
      `SESSION_MOVING_FROM is wrong: must be an engine (${known}), and may name its format: ${formatted}.`,
    )
  }
  if (engine === to.engine && format === to.format) {
    throw new ConfigError(`SESSION_MOVING_FROM is wrong: sessions are in ${text} already.`)
  }
  return { engine, format, table: format === to.format ? to.table : named(formats, format).table }
}
