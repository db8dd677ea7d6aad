import { Command } from 'commander'
import createKnex, { type Knex } from 'knex'
import { databaseConfig } from '../../src/database.ts'
import type { Services } from '../../src/services.ts'
import { dialectOf } from '../../src/session/stores/database/database-statements.ts'
import { factsOf, sessionTables } from '../../src/storage/open.ts'
import { type Run, UsageError } from './run.ts'

/** The result for one table, or for the file of SQLite. */
interface Maintained {
  readonly name: string
  readonly action: string
  /** Bytes on disk; null if the database does not report them. */
  readonly before: number | null
  readonly after: number | null
}

/** `sessions maintain`: frees the disk space of deleted sessions, and updates the statistics of the query planner. */
export function maintainCommand(run: Run): Command {
  return new Command('maintain')
    .description('Compact the session tables: VACUUM on SQLite, VACUUM ANALYZE on PostgreSQL, OPTIMIZE TABLE on MySQL.')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: { json?: true }) => {
      await run(async (services) => {
        const tables = tablesOf(services)
        if (tables.length === 0) {
          throw new UsageError(`The ${services.engine.name} engine has no table to maintain.`)
        }
        const maintained = await withoutTimeouts(services.config.session.databaseUrl, (knex) => maintain(knex, tables))
        if (json) console.log(JSON.stringify(maintained))
        else for (const one of maintained) console.log(line(one))
      })
    })
}

/** The tables of the engine, and of the other one while sessions migrate. */
function tablesOf({ config }: Services): string[] {
  return [
    ...new Set(
      sessionTables(config).flatMap((storage) => {
        const { table, inCookies } = factsOf(storage, config)
        return [...(table ? [storage.table] : []), ...(inCookies === 'none' ? [] : ['session_revocations'])]
      }),
    ),
  ]
}

/** A connection without the timeouts of requests. */
async function withoutTimeouts<T>(url: string, work: (knex: Knex) => Promise<T>): Promise<T> {
  const config = databaseConfig(url)
  const connection = config.client === 'pg' ? url : config.connection
  const knex = createKnex({
    ...config,
    ...(connection === undefined ? {} : { connection }),
    pool: { ...config.pool, min: 0, max: 1 },
  })
  try {
    return await work(knex)
  } finally {
    await knex.destroy()
  }
}

async function maintain(knex: Knex, tables: readonly string[]): Promise<Maintained[]> {
  const dialect = dialectOf(knex)
  if (dialect === 'sqlite') return [await maintainSqlite(knex)]
  const maintained: Maintained[] = []
  for (const name of tables) {
    const before = await bytesOf(knex, name)
    if (dialect === 'postgres') await knex.raw('VACUUM (ANALYZE) ??', [name])
    else await optimize(knex, name)
    const action = dialect === 'postgres' ? 'VACUUM ANALYZE' : 'OPTIMIZE TABLE'
    maintained.push({ name, action, before, after: await bytesOf(knex, name) })
  }
  return maintained
}

async function maintainSqlite(knex: Knex): Promise<Maintained> {
  const pages = async (): Promise<number> => {
    const [count] = await knex.raw<{ page_count: number }[]>('PRAGMA page_count')
    const [size] = await knex.raw<{ page_size: number }[]>('PRAGMA page_size')
    return (count?.page_count ?? 0) * (size?.page_size ?? 0)
  }
  const before = await pages()
  await knex.raw('VACUUM')
  await knex.raw('PRAGMA optimize')
  // The new content is in the WAL until a checkpoint; if it is busy, the next one does it.
  await knex.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  return { name: 'the database', action: 'VACUUM, PRAGMA optimize and wal_checkpoint', before, after: await pages() }
}

async function optimize(knex: Knex, table: string): Promise<void> {
  // Errors are returned as rows.
  const [rows] = await knex.raw<{ Msg_type: string; Msg_text: string }[][]>('OPTIMIZE TABLE ??', [table])
  const failed = rows?.find(({ Msg_type }) => Msg_type.toLowerCase() === 'error')
  if (failed !== undefined) throw new Error(`OPTIMIZE TABLE ${table}: ${failed.Msg_text}`)
}

async function bytesOf(knex: Knex, table: string): Promise<number | null> {
  if (dialectOf(knex) === 'postgres') {
    const { rows } = await knex.raw<{ rows: { bytes: string }[] }>(
      'SELECT pg_total_relation_size(?::regclass) AS bytes',
      [table],
    )
    return Number(rows[0]?.bytes)
  }
  const sizes = 'SELECT data_length + index_length AS bytes FROM information_schema.tables'
  const [rows] = await knex.raw<{ bytes: number | string | null }[][]>(
    `${sizes} WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  )
  const bytes = rows?.[0]?.bytes
  return bytes === null || bytes === undefined ? null : Number(bytes)
}

function line({ name, action, before, after }: Maintained): string {
  if (before === null || after === null) return `${name}: ${action}`
  const change = before > after ? `${size(before - after)} freed` : 'nothing freed'
  return `${name}: ${action}; ${size(before)} before, ${size(after)} after, ${change}`
}

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
