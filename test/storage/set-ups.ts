import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../src/paths.ts'
import type { Services } from '../../src/services.ts'
import { caches, engines } from '../../src/storage/index.ts'
import type { CachePart } from '../../src/storage/part.ts'
import { serviceUrl } from '../support/services.ts'
import { storm } from '../support/storm.ts'
import type { TestLayout } from './layouts.ts'

type Env = Readonly<Record<string, string>>

/** An engine under test, and its settings. */
export interface TestedEngine {
  readonly name: string
  readonly env: Env
  /** Its storage is in the memory of one process. */
  readonly oneProcess?: true
  /** Sessions have to be large to be stored on the server. */
  readonly large?: true
  /** Where sessions and accounts are; SQLite unless said otherwise. */
  readonly database?: 'PostgreSQL' | 'MariaDB'
}

/** Puts a backup back. */
export type Restore = () => Promise<void>

/** What a file in `engines`, `formats` or `caches` says of its part: each is read, and none is named anywhere else. */
export interface EngineSetUps {
  /** Those that need no service. */
  readonly local: readonly TestedEngine[]
  /** The settings on a cache server. */
  readonly onCache?: Env
  /** The settings on a database server. */
  readonly onDatabase?: Env
  /** The layout of its table, where it is not the project's. */
  readonly layout?: TestLayout
  /** Takes a backup of its records; undefined where it has none, or they are in the table. */
  readonly backUp?: (services: Services) => Promise<Restore> | undefined
}

const all: EngineSetUps[] = []
for (const folder of ['engines', 'formats', 'caches']) {
  const path = join(projectRoot, 'test', 'storage', folder)
  for (const file of existsSync(path) ? readdirSync(path).sort() : []) {
    if (file.endsWith('.migration.ts')) continue
    const module: { default: EngineSetUps } = await import(`./${folder}/${file}`)
    all.push(module.default)
  }
}

export const setUps: readonly EngineSetUps[] = all

/** Those that need no service. A format names engines that may not be there. */
export const LOCAL: readonly TestedEngine[] = all
  .flatMap(({ local }) => local)
  .filter(({ env }) => engines.some(({ name }) => name === env['SESSION_ENGINE']))
  .filter(({ oneProcess }) => oneProcess !== true || caches.some(({ inProcess }) => inProcess))

/** One of each engine, for what does not depend on the format; all of them in a storm. */
export const LOCAL_ENGINES: readonly TestedEngine[] = storm
  ? LOCAL
  : [...new Map(LOCAL.toReversed().map((one) => [one.env['SESSION_ENGINE'], one])).values()]

/** One of each engine, and one of each other format; all of them in a storm. */
export const LOCAL_KINDS: readonly TestedEngine[] = storm
  ? LOCAL
  : [
      ...new Map(
        LOCAL.toReversed().map((one) => [one.env['SESSION_FORMAT'] ?? one.env['SESSION_ENGINE'], one]),
      ).values(),
    ]

/** Those on a cache server, where the run has it; each run under a prefix that no other suite uses. */
export function onCache({ name: service }: CachePart): readonly TestedEngine[] {
  const url = service === 'redis' || service === 'memcached' ? serviceUrl(service) : undefined
  if (url === undefined) return []
  const shared = { CACHE_URL: url, CACHE_KEY_PREFIX: `scenarios-${randomBytes(4).toString('hex')}` }
  return all.flatMap(({ onCache: env }) =>
    env === undefined ? [] : [{ name: `${env['SESSION_ENGINE']} on ${service}`, env: { ...env, ...shared } }],
  )
}

/** Those on a database server, where the run has it. */
export function onDatabase(database: 'PostgreSQL' | 'MariaDB'): readonly TestedEngine[] {
  if (serviceUrl(database === 'PostgreSQL' ? 'postgres' : 'mariadb') === undefined) return []
  return all.flatMap(({ onDatabase: env }) =>
    env === undefined ? [] : [{ name: `${env['SESSION_ENGINE']} on ${database}`, env, database }],
  )
}
