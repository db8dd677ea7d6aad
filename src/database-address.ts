import { z } from 'zod'

export const DEFAULT_DATABASE_URL = 'sqlite:./data/app.sqlite3'

/** `sqlite:./path`, `sqlite::memory:`, `postgres://…` or `mysql://…` */
export const databaseAddress = z
  .string()
  .regex(/^(sqlite:|postgres(ql)?:\/\/|mysql:\/\/)/, 'must start with sqlite:, postgres:// or mysql://')

/** The path of an SQLite database, or `:memory:`; undefined for a database server. */
export function sqlitePath(address: string): string | undefined {
  return address.startsWith('sqlite:') ? address.slice('sqlite:'.length) : undefined
}
