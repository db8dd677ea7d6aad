import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readConfig } from '../../src/config.ts'
import { migrate, openDatabase } from '../../src/database.ts'
import { openServices } from '../../src/services.ts'
import { hasStatistics } from '../../src/session/stores/store.ts'
import { engines } from '../../src/storage/index.ts'
import { migratedSqlite, testDatabase } from './databases.ts'
import { Rolling } from './rolling.ts'
import { TEST_SECRET } from './secret.ts'

type Env = Readonly<Record<string, string>>

/** From one engine to another, with the settings that each has beside its name. */
export interface Move {
  readonly from: string
  readonly to: string
  readonly settings?: Env
  /** The database of the new engine, if it is another one. */
  readonly database?: 'SQLite' | 'PostgreSQL'
}

async function migrated(t: ExecutionContext, name: Move['database']): Promise<string | undefined> {
  if (name === 'SQLite') return await migratedSqlite(t)
  const fresh = name && (await testDatabase(name)?.fresh())
  if (!fresh) return undefined
  t.teardown(fresh.drop)
  const knex = openDatabase(fresh.url)
  await migrate(knex)
  await knex.destroy()
  return fresh.url
}

/** The sessions of users that are left in the old engine; undefined if they cannot be counted. */
async function left(env: Env): Promise<number | undefined> {
  const services = await openServices(readConfig({ ...env }))
  try {
    const store = services.migrating?.other.store
    return store !== undefined && hasStatistics(store) ? (await store.statistics()).authenticated : undefined
  } finally {
    await services.close()
  }
}

const named = (text: string) => {
  const [SESSION_ENGINE = '', SESSION_FORMAT = ''] = text.split(',')
  return { SESSION_ENGINE, SESSION_FORMAT }
}

/** Two processes go through the steps of this migration under load; without its engines or database there is no test. */
export function rollingMove({ from, to, settings = {}, database }: Move): void {
  if (![from, to].every((one) => engines.some(({ name }) => name === named(one).SESSION_ENGINE))) return
  if (database !== undefined && testDatabase(database) === undefined) return
  const overlapping = !/cookies|hybrid|django/.test(`${from} ${to}`)

  test.serial(`${from} to ${to}${database ? ` on another ${database}` : ''}, process by process`, async (t) => {
    t.timeout(300_000)
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-rolling-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const other = await migrated(t, database)
    const there: Env = other === undefined ? {} : { SESSION_DATABASE_URL: other }
    const nextTo: Env = other === undefined ? {} : { SESSION_MOVING_DATABASE_URL: other }
    const DATABASE_URL = await migratedSqlite(t)
    const env = {
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      SECRET_KEY: TEST_SECRET,
      SESSION_FILE_PATH: folder,
      DATABASE_URL,
      ...settings,
    }
    const leaving: Env = other === undefined ? {} : { SESSION_MOVING_DATABASE_URL: DATABASE_URL }
    const steps = [
      { ...named(from) },
      { ...named(from), SESSION_MOVING_TO: to, ...nextTo },
      { ...named(to), ...there, SESSION_MOVING_FROM: from, ...leaving },
      { ...named(to), ...there },
    ] as const
    const site = new Rolling({ env, overlapping })
    try {
      await site.start(steps[0])
      await site.roll(steps[1], 1000)
      await site.roll(steps[2], 2000)
      await site.touchAll()
      // A record that has migrated into a cookie stays for a minute.
      if (!to.includes('cookies'))
        t.true([0, undefined].includes(await left({ ...env, ...steps[2] })), 'none of a user is left')
      await site.roll(steps[3], 1000)
    } finally {
      await site.close()
    }
    t.log(`${site.changes} changes, ${site.endings} logouts, ${site.unknown} answers with 5xx`)
    t.true(site.unknown < site.changes / 10)
    t.deepEqual(site.wrong, { lost: [], signedOut: [], revived: [], refused: [] })
  })
}
