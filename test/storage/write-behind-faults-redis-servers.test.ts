import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import cache from '../../src/storage/engines/cache.ts'
import cachedDb from '../../src/storage/engines/cached-db.ts'
import db from '../../src/storage/engines/db.ts'
import { cachedSites, get } from '../support/cached-sites.ts'
import { eventually } from '../support/eventually.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { serviceUrl } from '../support/services.ts'
import type { SessionSite } from '../support/session-site.ts'

const program = serviceUrl('redisServer')
const SITE = 'test/support/session-site.ts'
const VISITORS = 6
const ENGINES = {
  write_behind: { SESSION_ENGINE: cachedDb.name, SESSION_CACHE_STRATEGY: 'write_behind' },
  'cache with CACHE_FALLBACK=db': { SESSION_ENGINE: cache.name, CACHE_FALLBACK: 'db' },
}

/** A database, and a Redis with snapshots that can be killed and started again. */
async function bench(t: ExecutionContext, engine: Record<string, string>) {
  const { server, servers, folder, env, open } = await cachedSites(t, engine)
  const restart = () => servers.start(['--dir', folder], server.port)
  const kill = async () => {
    const exit = once(server.child, 'exit')
    server.child.kill('SIGKILL')
    await exit
  }
  return { server, env: env(server.port), open, kill, restart }
}

/** Visitors that append to their sessions, each in both processes at the same time. */
async function load(sites: readonly SessionSite[]) {
  const stop = new AbortController()
  const visitors = await Promise.all(
    Array.from({ length: VISITORS }, async (_, n) => {
      const { cookie } = await get(sites[0] ?? { origin: '' }, `/sign-in?user=${n}`)
      return { cookie, acknowledged: new Set<string>() }
    }),
  )
  const clients = visitors.flatMap(({ cookie, acknowledged }, visitor) =>
    sites.map(async (site, n) => {
      for (let item = 0; !stop.signal.aborted; item++) {
        const id = `${visitor}-${n}-${item}`
        const { status } = await get(site, `/append?id=${id}`, cookie).catch(() => ({ status: 0 }))
        if (status === 200) acknowledged.add(id)
        await pause(status === 200 ? 10 : 50)
      }
    }),
  )
  const total = () => visitors.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
  /** Until so many more changes were acknowledged. */
  const more = async (count: number) => {
    const enough = total() + count
    await eventually(
      async () => total(),
      (sum) => sum >= enough,
    )
  }
  return {
    visitors,
    more,
    async stop() {
      stop.abort()
      await Promise.all(clients)
    },
  }
}

/** The acknowledged changes that a process does not show. */
async function lostIn(site: SessionSite, visitors: Awaited<ReturnType<typeof load>>['visitors']): Promise<string[]> {
  const lost = await Promise.all(
    visitors.map(async ({ cookie, acknowledged }) => {
      const { body } = await eventually(
        () => get(site, '/ids', cookie),
        ({ status }) => status === 200,
      )
      const kept = new Set<unknown>(Array.isArray(body) ? body[1] : [])
      return [...acknowledged].filter((id) => !kept.has(id))
    }),
  )
  return lost.flat()
}

if (program !== undefined) {
  for (const [name, engine] of Object.entries(ENGINES)) {
    test.serial(`${name}: Redis is frozen for 2 s under two processes: no acknowledged change is lost`, async (t) => {
      const { server, open } = await bench(t, engine)
      const sites = [await open(), await open()]
      const visits = await load(sites)
      await visits.more(100)
      server.child.kill('SIGSTOP')
      await pause(2000)
      server.child.kill('SIGCONT')
      await visits.more(100)
      await visits.stop()
      for (const site of sites) t.deepEqual(await lostIn(site, visits.visitors), [])
      for (const site of sites) await site.close()
      t.deepEqual(await lostIn(await open({ SESSION_ENGINE: db.name }), visits.visitors), [], 'in the database')
    })

    test.serial(`${name}: Redis restarts from a snapshot: no older copy replaces a newer row`, async (t) => {
      const { server, open, kill, restart } = await bench(t, engine)
      const sites = [await open(), await open()]
      const visits = await load(sites)
      await visits.more(100)
      await server.command('SAVE')
      await visits.more(100)
      await kill()
      await restart()
      await visits.more(100)
      await visits.stop()
      for (const site of sites) t.deepEqual(await lostIn(site, visits.visitors), [])
      for (const site of sites) await site.close()
      t.deepEqual(await lostIn(await open({ SESSION_ENGINE: db.name }), visits.visitors), [], 'in the database')
    })
  }

  test.serial('write_behind: Redis stays away: the database serves, and no acknowledged change is lost', async (t) => {
    const { open, kill } = await bench(t, ENGINES.write_behind)
    const sites = [await open(), await open()]
    const visits = await load(sites)
    await visits.more(100)
    await kill()
    await visits.more(50)
    await visits.stop()
    for (const site of sites) t.deepEqual(await lostIn(site, visits.visitors), [])
  })

  test.serial(
    'write_behind: a process is killed right after it acknowledged a change: another writes it',
    async (t) => {
      const { open, env, kill } = await bench(t, ENGINES.write_behind)
      const other = await open()
      const dying = startProcess([TYPESCRIPT, SITE], { env })
      t.teardown(() => void dying.child.kill('SIGKILL'))
      const [, origin = ''] = await dying.printed(/on (http:\S+)/)
      const { cookie } = await get({ origin }, '/sign-in?user=7')
      t.is((await get({ origin }, '/change?word=first', cookie)).status, 200)
      const knex = openDatabase(env.DATABASE_URL)
      t.teardown(() => knex.destroy())
      const row = async () => (await knex('sessions').where('user_id', '7').pluck<string[]>('data')).join()
      const before = await row()
      t.is((await get({ origin }, '/change?word=last', cookie)).status, 200)
      dying.child.kill('SIGKILL')
      await dying.ended()
      // Otherwise it was not killed in time.
      t.deepEqual((await get(other, '/read', cookie)).body, ['7', 'last'])
      await eventually(row, (data) => data !== before)
      await kill()
      await eventually(
        () => get(other, '/read', cookie),
        ({ body }) => isDeepStrictEqual(body, ['7', 'last']),
      )
    },
  )
}
