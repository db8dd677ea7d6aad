import sqlite3 from 'sqlite3'

/** Makes the error of an operation: `text` is what was asked, with all values in it. */
export type MakeError = (text: string, values: readonly string[]) => Error

/** Counts operations, and has one of them fail. */
export class Failing {
  /** Every text that was a value of an operation, and is long enough to be recognised elsewhere. */
  readonly values = new Set<string>()
  /** The operations that have failed, without their values. */
  readonly failed = new Set<string>()
  #left = 0
  #make: MakeError = () => new Error()

  /** From now on the n-th operation fails; 0: none. Returns whether the one of the last call has failed. */
  at(step: number, make: MakeError = this.#make): boolean {
    const failed = this.#left <= 0
    this.#left = step
    this.#make = make
    return failed
  }

  /** Called before an operation; returns the error that it fails with. */
  before(operation: string, given: unknown): Error | undefined {
    const values = textsIn(given)
    // The schema is no secret.
    const told = operation.includes('sqlite_master') ? [] : values
    for (const value of told) if (value.length >= MIN_RECOGNISABLE) this.values.add(value)
    if (this.#left <= 0 || --this.#left > 0) return undefined
    this.failed.add(operation)
    return this.#make(`${operation} ${values.map((value) => `'${value}'`).join(', ')}`, values)
  }
}

const MIN_RECOGNISABLE = 8

type Done = (error: Error | null, ...more: unknown[]) => void
type Send = (this: { sql: string }, ...args: unknown[]) => unknown

/**
 * Has every statement of SQLite pass `failing`: Knex's, those of its transactions and the prepared ones of the session
 * store. Returns what undoes it.
 */
export function tapStatements(failing: Failing): () => void {
  const prototype = sqlite3.Statement.prototype as unknown as Record<'all' | 'run', Send>
  const { all, run } = prototype
  const tapped = (original: Send): Send =>
    function (...args) {
      const error = failing.before(this.sql, args[0])
      if (error === undefined) return original.apply(this, args)
      setImmediate(args.at(-1) as Done, error)
      return this
    }
  Object.assign(prototype, { all: tapped(all), run: tapped(run) })
  return () => void Object.assign(prototype, { all, run })
}

/** Has these methods of an object pass `failing`. */
export function tapMethods<T extends object>(failing: Failing, object: T, names: readonly (keyof T & string)[]): void {
  for (const name of names) {
    const original: unknown = object[name]
    if (typeof original !== 'function') continue
    const tapped = async (...args: unknown[]): Promise<unknown> => {
      const error = failing.before(name, args)
      if (error !== undefined) throw error
      return await Reflect.apply(original, object, args)
    }
    Object.assign(object, { [name]: tapped })
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Buffer.isBuffer(value)) return [value.toString('latin1')]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
