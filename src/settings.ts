import { z } from 'zod'

/** A setting is missing or invalid; the message is one sentence for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** One environment variable. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  readonly schema: Schema
  /** Its meaning and its values, for `.env.example`; may have several lines. */
  readonly help: string
  /** The value in `.env.example`, if it is not the default. */
  readonly example?: string
}

/** Environment variables by name. */
export type Variables = Readonly<Record<string, Setting>>

/** The values of variables, parsed. */
export type Values<V extends Variables> = { readonly [Name in keyof V]: z.output<V[Name]['schema']> }

/** Variables that belong together. */
export interface Settings<V extends Variables = Variables> {
  readonly variables: V
  /** Their values in this configuration, which must have been read with them. */
  of(config: { readonly values: Readonly<Record<string, unknown>> }): Values<V>
}

/** The values of {@link Settings}, parsed. */
export type ValuesOf<S extends Settings> = Values<S['variables']>

/** Describes an environment variable. */
export function setting<Schema extends z.ZodType>(schema: Schema, help: string, example?: string): Setting<Schema> {
  return { schema, help, ...(example === undefined ? {} : { example }) }
}

/** Groups variables, so that their values can be read with their types. */
export function defineSettings<V extends Variables>(variables: V): Settings<V> {
  return {
    variables,
    // The values under these names were parsed by these schemas.
    of: ({ values }) => values as Values<V>,
  }
}

/**
 * Reads and checks these variables.
 *
 * @throws ConfigError with the name of the first invalid one, and what it should be
 */
export function readValues<V extends Variables>(variables: V, env: NodeJS.ProcessEnv): Values<V> {
  const shape = Object.fromEntries(Object.entries(variables).map(([name, { schema }]) => [name, schema]))
  const parsed = z.object(shape).safeParse(env)
  // Unset ones too, as undefined: readers need not tell empty from absent.
  if (parsed.success) {
    return Object.fromEntries(Object.keys(variables).map((name) => [name, parsed.data[name]])) as Values<V>
  }
  const [issue] = parsed.error.issues
  throw new ConfigError(`${String(issue?.path[0])} is wrong: ${issue?.message}.`)
}

/** Treats an empty variable as unset. */
export function unlessEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema)
}

export const seconds = z.coerce.number().int().nonnegative()
export const optionalBytes = unlessEmpty(z.coerce.number().int().positive().optional())
export const optionalSeconds = unlessEmpty(seconds.positive().optional())
export const milliseconds = z.coerce.number().int().min(1).max(60_000)
export const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')
export const optionalFlag = unlessEmpty(flag.optional())
export const text = unlessEmpty(z.string().optional())
export const list = z.string().transform((value) => value.split(',').filter((item) => item !== ''))
