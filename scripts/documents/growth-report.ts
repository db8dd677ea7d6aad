import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { projectRoot } from '../../src/paths.ts'

const row = z.object({
  candidate: z.string(),
  at: z.number(),
  figures: z.record(z.string(), z.number().nullable()),
  wrong: z.number(),
  clean: z.boolean(),
})

const question = z.object({
  about: z.string(),
  unit: z.string(),
  date: z.iso.datetime(),
  machine: z.object({ node: z.string(), processor: z.string(), cores: z.number() }),
  seconds: z.number(),
  rows: z.array(row),
})

const report = z.object({ questions: z.record(z.string(), question) })

/** The results of `npm run bench -- growth`. */
export type Growth = z.infer<typeof report>

/** The answer to one question of it. */
export type Question = z.infer<typeof question>

/** One step of one candidate. */
export type Row = z.infer<typeof row>

/** The report; undefined if it is missing or invalid. */
export function readGrowth(file = join(projectRoot, 'docs', 'growth.json')): Growth | undefined {
  try {
    return report.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

const NAMES: Readonly<Record<string, string>> = {
  koa: 'Koa without sessions',
  memory: 'MemoryStore, for tests',
  'signed_cookies-sealed': 'signed_cookies, sealed',
  db: 'db on SQLite',
  'db-postgresql': 'db on PostgreSQL',
  'db-mariadb': 'db on MariaDB',
  'cache-memory': 'cache in memory',
  'cache-redis': 'cache on Redis',
  'cache-redis-local': 'cache on Redis, local copies',
  'cache-memcached': 'cache on Memcached',
  cached_db: 'cached_db on SQLite and Redis',
  'cached_db-behind': 'the same, write_behind',
}

export function nameOf(candidate: string): string {
  return NAMES[candidate] ?? candidate
}

export function isValid({ clean, wrong }: Row): boolean {
  return clean && wrong === 0
}

/** Two digits that count, three of large ones, as the figures do not have more. */
export function rounded(value: number): string {
  return Number(value.toPrecision(value >= 100_000 ? 3 : 2)).toLocaleString('en')
}
