import type { StoreStatistics } from '../store.ts'
import type { Layout } from './database-layouts.ts'
import type { Binding, Row } from './database-statements.ts'

const DAY = 86_400_000
const LARGEST = 10

type Query = (sql: string, bindings: readonly Binding[]) => Promise<Row[]>

/** Counts the whole table. What a layout without metadata cannot know is 0. */
export async function tableStatistics(
  query: Query,
  table: string,
  layout: Layout,
  now: number,
): Promise<StoreStatistics> {
  const live = `${layout.expires} > ?`
  // Every moment is a binding: a text that changes with the time would be prepared anew at each call.
  const counts: [name: string, condition: string, ...bindings: Binding[]][] = [['live', live, layout.time(now)]]
  if (layout.keepsMetadata) {
    counts.push(
      ['authenticated', `${live} AND user_id IS NOT NULL`, now],
      ['under_day', `${live} AND created_at > ?`, now, now - DAY],
      ['under_week', `${live} AND created_at > ?`, now, now - 7 * DAY],
    )
  }
  const columns = counts.map(([name, condition]) => `COUNT(CASE WHEN ${condition} THEN 1 END) AS ${name}`)
  const bindings = counts.flatMap(([, , ...values]) => values)
  const [row = {}] = await query(
    `SELECT COUNT(*) AS total, ${columns.join(', ')} FROM ${table} WHERE ${layout.isSession}`,
    bindings,
  )
  const figure = (name: string) => Number(row[name] ?? 0)
  return {
    total: figure('total'),
    live: figure('live'),
    expired: figure('total') - figure('live'),
    authenticated: figure('authenticated'),
    ages: {
      underDay: figure('under_day'),
      underWeek: figure('under_week') - figure('under_day'),
      overWeek: layout.keepsMetadata ? figure('live') - figure('under_week') : 0,
    },
    largest: await largest(query, table, layout, now),
  }
}

async function largest(query: Query, table: string, layout: Layout, now: number): Promise<StoreStatistics['largest']> {
  const metadata = layout.keepsMetadata ? ', user_id, created_at, last_activity' : ''
  // OCTET_LENGTH, because LENGTH counts bytes on MySQL but characters on the others.
  const rows = await query(
    `SELECT OCTET_LENGTH(${layout.data}) AS bytes${metadata} FROM ${table} ` +
      `WHERE ${layout.expires} > ? AND ${layout.isSession} ORDER BY 1 DESC LIMIT ${LARGEST}`,
    [layout.time(now)],
  )
  return rows.map((row) => ({
    bytes: Number(row['bytes']),
    userId: typeof row['user_id'] === 'string' ? row['user_id'] : null,
    createdAt: Number(row['created_at'] ?? 0),
    lastActivity: Number(row['last_activity'] ?? 0),
  }))
}
