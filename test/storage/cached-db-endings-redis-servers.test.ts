import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import redis from '../../src/storage/caches/redis.ts'
import cachedDb from '../../src/storage/engines/cached-db.ts'
import db from '../../src/storage/engines/db.ts'
import { tcpProxy } from '../session/stores/tcp-proxy.ts'
import { type CachedSite, cachedSites, get, servedByCache } from '../support/cached-sites.ts'
import { eventually } from '../support/eventually.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { serviceUrl } from '../support/services.ts'
import { openSite } from '../support/session-site.ts'

const program = serviceUrl('redisServer')
const ANONYMOUS = [null, null]
const SITE = 'test/support/session-site.ts'

/** Processes on a Redis with snapshots. */
const bench = (t: ExecutionContext, more: Record<string, string> = {}) =>
  cachedSites(t, { SESSION_ENGINE: cachedDb.name, ...more })

let users = 0

/** Signs a new user in, and reads the session in every process until the cache serves all of them. */
async function signedIn(t: ExecutionContext, first: CachedSite, ...others: CachedSite[]) {
  const user = String(++users)
  const { cookie } = await get(first, `/sign-in?user=${user}`)
  await get(first, '/change?word=first', cookie)
  for (const site of [first, ...others]) {
    t.deepEqual((await servedByCache(site, cookie)).body, [user, 'first'])
  }
  return { user, cookie }
}

/** Whether the cookie opens nothing in these processes, now and until the cache is used again. */
async function isAnonymous(t: ExecutionContext, cookie: string, ...sites: CachedSite[]) {
  for (const site of sites) t.deepEqual((await get(site, '/read', cookie)).body, ANONYMOUS)
  for (const site of sites) {
    const { cookie: visitor } = await get(site, '/change?word=visitor')
    await servedByCache(site, visitor)
    t.deepEqual((await get(site, '/read', cookie)).body, ANONYMOUS)
  }
}

if (program !== undefined) {
  test.serial('a logout, then Redis restarts from its last snapshot: no process opens the session', async (t) => {
    const { server, servers, folder, open } = await bench(t)
    const [here, there] = [await open(), await open()]
    const { cookie } = await signedIn(t, here, there)
    await server.command('SAVE')
    t.is((await get(here, '/end', cookie)).status, 200)
    const exit = once(server.child, 'exit')
    server.child.kill('SIGKILL')
    await exit
    await servers.start(['--dir', folder], server.port)
    for (const { services } of [here, there]) await eventually(async () => services.cache?.ping())
    await isAnonymous(t, cookie, here, there)
  })

  test.serial('a process is killed after it has deleted the row: no other process goes on with a copy', async (t) => {
    const { open, env, server } = await bench(t)
    const other = await open()
    const proxy = await tcpProxy('127.0.0.1', server.port)
    t.teardown(() => proxy.close())
    const dying = startProcess([TYPESCRIPT, SITE], { env: env(proxy.port) })
    t.teardown(() => void dying.child.kill('SIGKILL'))
    const [, origin = ''] = await dying.printed(/on (http:\S+)/)
    const { cookie } = await signedIn(t, other)
    void get({ origin }, '/end-slowly', cookie).catch(() => {})
    await dying.printed(/loaded/)
    proxy.silence()
    dying.child.stdin?.write('go\n')
    const { sessionKnex } = other.services
    await eventually(
      () => sessionKnex('sessions').whereNot('user_id', null),
      (rows: unknown[]) => rows.length === 0,
    )
    dying.child.kill('SIGKILL')
    await dying.ended()
    await eventually(
      () => get(other, '/read', cookie),
      ({ body }) => JSON.stringify(body) === JSON.stringify(ANONYMOUS),
    )
    await isAnonymous(t, cookie, other)
  })

  test.serial('a logout while Redis is away, and a redeploy: no process opens the session', async (t) => {
    const { open } = await bench(t)
    const [here, there] = [await open(), await open()]
    const { cookie } = await signedIn(t, here, there)
    here.proxy.cut()
    t.is((await get(here, '/end', cookie)).status, 200)
    t.deepEqual((await get(there, '/read', cookie)).body, ANONYMOUS, 'in the process that reaches it')
    await here.close()
    await isAnonymous(t, cookie, there, await open())
  })

  test.serial('a logout while the application runs without the cache: no copy from before is used later', async (t) => {
    const { open } = await bench(t)
    const before = await open()
    const { cookie } = await signedIn(t, before)
    await before.close()
    const meanwhile = await open({ SESSION_ENGINE: db.name })
    t.is((await get(meanwhile, '/end', cookie)).status, 200)
    await meanwhile.close()
    await isAnonymous(t, cookie, await open())
  })

  test.serial('a logout right after the network has healed: no process opens the session', async (t) => {
    const { open } = await bench(t)
    const [here, there] = [await open(), await open()]
    const { cookie } = await signedIn(t, here, there)
    here.proxy.cut()
    await eventually(
      () => get(here, '/read', cookie),
      () => here.services.cache?.state === 'down',
    )
    here.proxy.repair()
    t.is((await get(here, '/end', cookie)).status, 200)
    t.deepEqual((await get(there, '/read', cookie)).body, ANONYMOUS)
    await isAnonymous(t, cookie, here, there)
  })

  test.serial('a change in a process that does not reach Redis is what the others read', async (t) => {
    const { open } = await bench(t)
    const [here, there] = [await open(), await open()]
    const { user, cookie } = await signedIn(t, here, there)
    here.proxy.cut()
    for (const word of ['second', 'third']) {
      t.is((await get(here, `/change?word=${word}`, cookie)).status, 200)
      t.deepEqual((await get(there, '/read', cookie)).body, [user, word])
    }
  })

  test.serial('two processes, one of them now and then without Redis: no answered logout is undone', async (t) => {
    const { open } = await bench(t)
    const [here, there] = [await open(), await open()]
    const sites = [here, there]
    const visits = await Promise.all(Array.from({ length: 8 }, () => signedIn(t, here, there)))
    const reading = new AbortController()
    const reads = sites.map(async (site) => {
      while (!reading.signal.aborted) await Promise.all(visits.map(({ cookie }) => get(site, '/read', cookie)))
    })
    for (const [n, { user, cookie }] of visits.entries()) {
      if (n % 3 === 0) here.proxy.cut()
      const [one, other] = n % 2 === 0 ? [here, there] : [there, here]
      const [path, end] = n % 4 === 3 ? ['/rotate', `/end-all?user=${user}`] : ['/change?word=x', '/end']
      const changing = get(other, path, cookie)
      const ended = await get(one, end, cookie)
      const changed = changing.then(({ cookie: next }) => next)
      if (ended.status !== 200) continue
      for (const site of sites) t.deepEqual((await get(site, '/read', cookie)).body, ANONYMOUS, `${n}: ${end}`)
      for (const site of sites) t.deepEqual((await get(site, '/read', await changed)).body, ANONYMOUS, `${n}: ${path}`)
      if (n % 3 === 1) here.proxy.repair()
    }
    reading.abort()
    await Promise.all(reads)
  })

  test.serial('everything ended while the session changes its key elsewhere: neither key opens it', async (t) => {
    const { open } = await bench(t)
    const [here, there] = [await open(), await open()]
    for (let n = 0; n < 8; n++) {
      const { user, cookie } = await signedIn(t, here)
      const rotating = get(there, '/rotate', cookie)
      t.is((await get(here, `/end-all?user=${user}`)).status, 200)
      const { cookie: next } = await rotating
      for (const key of [cookie, next]) {
        for (const site of [here, there]) t.deepEqual((await get(site, '/read', key)).body, ANONYMOUS, String(n))
      }
    }
  })

  test.serial('a user of Redis without INFO: the database is used, and the cache is not down', async (t) => {
    const { server, env } = await bench(t)
    await server.command('ACL', 'SETUSER', 'app', 'on', '>word', '~*', '&*', '+@all', '-info')
    const warnings: string[] = []
    const CACHE_URL = `${redis.name}://app:word@127.0.0.1:${server.port}`
    const site = await openSite(
      { ...env(server.port), CACHE_URL },
      pino({ level: 'warn' }, { write: (line) => void warnings.push(line) }),
    )
    t.teardown(() => site.close())
    const events: string[] = []
    site.services.addObserver(({ type }) => void events.push(type))
    const { cookie } = await get(site, '/sign-in?user=refused')
    for (let n = 0; n < 20; n++) t.is((await get(site, `/change?word=${n}`, cookie)).status, 200)
    t.deepEqual((await get(site, '/read', cookie)).body, ['refused', '19'])
    t.false(events.includes('cache-down'))
    t.is(site.services.cache?.state, 'up')
    t.is(warnings.length, 1)
    t.regex(warnings.join(), /NOPERM/)
  })

  test.serial('a Redis that answers but refuses changes is not put in force until it takes them', async (t) => {
    const { open, server } = await bench(t)
    const here = await open()
    const { cookie } = await signedIn(t, here)
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    t.is((await get(here, '/change?word=refused', cookie)).status, 200)
    const there = await open()
    const { sessionKnex } = there.services
    const inForce = async () => (await sessionKnex('session_epochs').pluck<string[]>('server')).join()
    t.is(await inForce(), '')
    // A process that is new to the row waits two seconds.
    for (const end = performance.now() + 4000; performance.now() < end; await pause(50)) {
      await get(there, '/read', cookie)
      t.is(await inForce(), '')
    }
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    await servedByCache(there, cookie)
  })

  test.serial('a process with local copies whose connection is silent does not open an ended session', async (t) => {
    const { open } = await bench(t, { CACHE_LOCAL_ENTRIES: '100' })
    const [here, there] = [await open(), await open()]
    const { cookie } = await signedIn(t, here, there)
    there.proxy.silence()
    t.is((await get(here, '/end', cookie)).status, 200)
    t.deepEqual((await get(there, '/read', cookie)).body, ANONYMOUS)
  })
}
