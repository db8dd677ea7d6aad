import { rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../support/eventually.ts'
import { RedisServers } from '../../support/redis-servers.ts'
import { serviceUrl } from '../../support/services.ts'
import { fillDisk } from '../kit/limits.ts'
import { type Cell, type Fault, SkippedError } from './cell.ts'
import type { SetUp } from './set-ups.ts'
import type { Site } from './site.ts'

const FROZEN_MS = 3000
// Four times SESSION_STORE_TIMEOUT: the machine may be busy.
const MAX_FROZEN_P99_MS = 2000
const LOCKED_MS = 1200
const MAX_STATEMENT = 20

const withoutServer = ({ server }: SetUp) => (server === undefined ? 'it has no server' : undefined)
const withoutTable = ({ records, env }: SetUp) =>
  records === 'table' || env['CACHE_FALLBACK'] === 'db' ? undefined : 'its sessions are in no table'
const withoutRedis = ({ cache }: SetUp) => (cache === 'redis' ? undefined : 'it has no Redis')

/** What can happen to the servers and disks that hold sessions. */
export const serverFaults: readonly Fault[] = [
  {
    name: 'F3',
    title: 'the server is killed, and started again',
    everywhere: true,
    alone: true,
    without: withoutServer,
    run: async (cell) => {
      const { server } = cell.site
      await cell.underLoad(async () => {
        await server?.kill()
        return async () => await server?.start()
      }, 1000)
    },
  },
  {
    name: 'F4',
    title: 'the server is frozen',
    everywhere: true,
    alone: true,
    maxP99: MAX_FROZEN_P99_MS,
    without: withoutServer,
    run: async (cell) => {
      const { server } = cell.site
      await cell.underLoad(async () => {
        server?.freeze()
        return () => server?.thaw()
      }, FROZEN_MS)
    },
  },
  {
    name: 'F9',
    title: 'the server or the disk is full, or only reads',
    run: async (cell) => {
      const begin = await onlyReads(cell)
      await cell.underLoad(begin, 800)
    },
  },
  {
    name: 'F10',
    title: 'the server that is asked first is emptied',
    run: async (cell) => await emptied(cell),
  },
  {
    name: 'F12',
    title: 'another program locks the table',
    without: withoutTable,
    run: async (cell) => {
      await cell.underLoad(async () => await lockTable(cell.site), LOCKED_MS)
    },
  },
  {
    name: 'F14',
    title: 'the n-th statement fails, before or after it was done',
    without: withoutTable,
    run: async (cell) => {
      const { apps } = cell.site
      await cell.underLoad(async () => {
        for (let statement = 1; statement <= MAX_STATEMENT; statement++) {
          for (const app of apps) await app.failStatement(statement, statement % 2 === 0 ? 'done' : 'none')
          await pause(60)
        }
        for (const app of apps) await app.failStatement(0, 'none')
        return undefined
      }, 0)
    },
  },
  {
    name: 'F24',
    title: 'Sentinel moves to another Redis',
    alone: true,
    without: withoutRedis,
    run: async (cell) => await failover(cell),
  },
]

type Begin = () => Promise<(() => unknown) | undefined>

async function onlyReads({ site }: Cell): Promise<Begin> {
  const { redis, disk, setUp, knex } = site
  if (redis !== undefined) {
    return async () => {
      await redis.command('CONFIG', 'SET', 'maxmemory', '1')
      return async () => await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    }
  }
  if (setUp.database === 'PostgreSQL') {
    const reload = async (value: string) => {
      await knex.raw(`ALTER SYSTEM SET default_transaction_read_only = ${value}`)
      await knex.raw('SELECT pg_reload_conf()')
    }
    return async () => {
      await reload('on')
      return async () =>
        await knex.transaction((all) => all.raw('SET TRANSACTION READ WRITE').then(() => reload('off')))
    }
  }
  if (disk === undefined) throw new SkippedError('this user may not mount a small disk')
  return async () => {
    // Otherwise the log has room for many changes.
    await knex.raw('PRAGMA wal_checkpoint(TRUNCATE)')
    const ballast = await fillDisk(disk)
    return async () => await rm(ballast)
  }
}

/** Nobody may be signed out if the sessions are elsewhere as well; otherwise everybody is, for good. */
async function emptied(cell: Cell): Promise<void> {
  const { load, site } = cell
  const { redis, setUp, knex } = site
  if (redis !== undefined && setUp.records !== 'cache') {
    return await cell.underLoad(async () => void (await redis.command('FLUSHALL')), 300)
  }
  load.start()
  await pause(600)
  await load.stop()
  const begin = performance.now()
  if (redis !== undefined) await redis.command('FLUSHALL')
  else await knex('sessions').delete()
  for (const { session, user } of load.visitors) if (session !== null) load.noteEnding(session, user, begin, 'ok')
  await load.readAll()
  await cell.underLoad(async () => undefined, 300)
}

async function lockTable({ knex, setUp }: Site): Promise<() => Promise<unknown>> {
  if (setUp.database === 'SQLite') {
    await knex.raw('BEGIN EXCLUSIVE')
    return async () => await knex.raw('ROLLBACK')
  }
  const transaction = await knex.transaction()
  await transaction.raw('LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE')
  return async () => {
    await transaction.rollback()
    // And every connection of the application is lost.
    await knex.raw(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL',
    )
  }
}

async function failover(cell: Cell): Promise<void> {
  const { apps, env } = cell.site
  const closing: (() => Promise<void>)[] = []
  const owner = { teardown: (work: () => Promise<void>) => void closing.unshift(work) }
  try {
    const { master, sentinels } = await new RedisServers(owner, serviceUrl('redisServer') ?? '').sentinels()
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
    const before = env['CACHE_URL'] ?? ''
    await Promise.all(apps.map((app) => app.restart({ CACHE_URL: `redis-sentinel://${hosts}/main` })))
    await cell.underLoad(async () => {
      master.child.kill('SIGKILL')
      await eventually(
        async () => await sentinels[0]?.command('SENTINEL', 'get-master-addr-by-name', 'main'),
        (address) => Array.isArray(address) && address[1] !== String(master.port),
      )
      return undefined
    }, 0)
    await Promise.all(apps.map((app) => app.restart({ CACHE_URL: before })))
  } finally {
    for (const close of closing) await close()
  }
}
