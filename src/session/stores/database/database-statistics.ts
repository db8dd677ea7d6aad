import type { StoreStatistics } from '../store.ts'
import type { Layout } from './database-layouts.ts'
import type { Binding, Row } from './database-statements.ts'

const DAY_MS = 86_400_000
const MAX_LARGEST = 10

type Query = (sql: string, bindings: readonly Binding[]) => Promise<Row[]>

/** Counts the whole table. Figures that need metadata are 0 without it. */
export async function tableStatistics(
  query: Query,
  table: string,
  layout: Layout,
  now: number,
  prefix?: string,
): Promise<StoreStatistics> {
  const live = `${layout.expires} > ?`
  // Times are bindings, because every different text stays prepared.
  const counts: [name: string, condition: string, ...bindings: Binding[]][] = [['live', live, layout.time(now)]]
  if (layout.keepsMetadata) {
    counts.push(
      ['authenticated', `${live} AND user_id IS NOT NULL`, now],
      ['under_day', `${live} AND created_at > ?`, now, now - DAY_MS],
      ['under_week', `${live} AND created_at > ?`, now, now - 7 * DAY_MS],
    )
  }
  if (prefix !== undefined) {
    // Not a comparison, which ignores case in MySQL.
    const rest = `REPLACE(SUBSTR(${layout.data}, 1, ${prefix.length}), ?, '')`
    counts.push(['beginning', `${live} AND ${rest} = ''`, layout.time(now), prefix])
  }
  const columns = counts.map(([name, condition]) => `COUNT(CASE WHEN ${condition} THEN 1 END) AS ${name}`)
  const bindings = counts.flatMap(([, , ...values]) => values)
  const [row = {}] = await query(
    `SELECT COUNT(*) AS total, ${columns.join(', ')} FROM ${table} WHERE ${layout.isSession}`,
    bindings,
  )
  const count = (name: string) => Number(row[name] ?? 0)
  return {
    total: count('total'),
    live: count('live'),
    expired: count('total') - count('live'),
    authenticated: count('authenticated'),
    ages: {
      underDay: count('under_day'),
      underWeek: count('under_week') - count('under_day'),
      overWeek: layout.keepsMetadata ? count('live') - count('under_week') : 0,
    },
    largest: await largest(query, table, layout, now),
    ...(prefix === undefined ? {} : { beginning: count('beginning') }),
  }
}

async function largest(query: Query, table: string, layout: Layout, now: number): Promise<StoreStatistics['largest']> {
  const metadata = layout.keepsMetadata ? ', user_id, created_at, last_activity' : ''
  // LENGTH would count bytes on MySQL but characters on the others.
  const rows = await query(
    `SELECT OCTET_LENGTH(${layout.data}) AS bytes${metadata} FROM ${table} ` +
      `WHERE ${layout.expires} > ? AND ${layout.isSession} ORDER BY 1 DESC LIMIT ${MAX_LARGEST}`,
    [layout.time(now)],
  )
  return rows.map((row) => ({
    bytes: Number(row['bytes']),
    userId: typeof row['user_id'] === 'string' ? row['user_id'] : null,
    createdAt: Number(row['created_at'] ?? 0),
    lastActivity: Number(row['last_activity'] ?? 0),
  }))
}
