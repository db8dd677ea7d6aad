import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { clearableStores, clearExpired } from '../../src/cleanup.ts'
import { asData } from '../../src/session/codec/serializer.ts'
import { Operations } from '../../src/session/core/operations.ts'
import { caches, engines } from '../../src/storage/index.ts'
import { has } from '../storage/present.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { storm } from '../support/storm.ts'

const CONCURRENCY = 32
const EXPIRED_ROWS = storm ? 100_000 : 20_000
const LIVE_SESSIONS = 200
// Of each kind, on the first engine; the others share most of the code, and get a hundred.
const VISITS = storm ? 10_000 : 500

interface Visit {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly cookie?: string
}

interface Seen {
  readonly status: number
  readonly setsCookie: boolean
}

function visitor(app: TestApp) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
  const visit = ({ method, path, cookie }: Visit) =>
    new Promise<Seen>((resolve, reject) => {
      const headers = { accept: 'application/json', ...(cookie === undefined ? {} : { cookie }) }
      request(app.origin + path, { agent, method, headers }, (answer) => {
        const seen = { status: answer.statusCode ?? 0, setsCookie: answer.headers['set-cookie'] !== undefined }
        answer.resume().on('end', () => resolve(seen))
      })
        .on('error', reject)
        .end()
    })
  return { visit, close: () => agent.destroy() }
}

/** Makes so many visits, some at a time; returns how often each status came, and how many answers set a cookie. */
async function flood(visit: (visit: Visit) => Promise<Seen>, count: number, make: () => Visit) {
  const statuses: Record<number, number> = {}
  let cookies = 0
  let left = count
  const work = async () => {
    while (left-- > 0) {
      const { status, setsCookie } = await visit(make())
      statuses[status] = (statuses[status] ?? 0) + 1
      if (setsCookie) cookies++
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return { statuses, cookies }
}

const randomKey = () => randomBytes(16).toString('hex')

/** The records of stores that are cleared; a cache is not, and there only the missing cookies tell. */
async function recordsOf({ services }: TestApp): Promise<number> {
  const ever = { kind: 'created', before: Date.now() + 86_400_000 } as const
  const counts = await Promise.all(clearableStores(services).map((store) => store.countClearable(ever)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Of the pages that read the session the one with the shortest answer, so that thousands of visits take seconds. */
async function pageWithSession({ origin, routes }: TestApp): Promise<string> {
  const found: { path: string; length: number }[] = []
  for (const { method, path } of routes) {
    if (method !== 'GET' || path.includes(':')) continue
    const answer = await fetch(origin + path, { headers: { accept: 'application/json' } })
    const { length } = await answer.text()
    if (answer.status === 200 && /cookie/i.test(answer.headers.get('vary') ?? '')) found.push({ path, length })
  }
  const [first] = found.sort((one, other) => one.length - other.length)
  if (first === undefined) throw new Error('No page reads the session')
  return first.path
}

const startable = engines.filter(({ requires }) => !requires.includes('cache') || caches.some((one) => one.inProcess))

// Only this format counts records by age.
const flooded = has('sealed') ? test.serial : test.serial.skip
for (const { name } of startable) {
  const count = name === engines[0]?.name ? VISITS : 100
  flooded(
    `${name}: ${count} visits without a cookie, with random ones, and logouts store nothing (CVE-2015-5143, CVE-2015-5963)`,
    async (t) => {
      const app = await startApp({
        SESSION_ENGINE: name,
        ...(name === 'cache' || name === 'cached_db' ? { CACHE_URL: 'memory:' } : {}),
      })
      t.teardown(() => app.close())
      const { visit, close } = visitor(app)
      t.teardown(close)
      const cookie = () => `${app.services.config.session.cookie.name}=${randomKey()}`
      const path = await pageWithSession(app)
      const begun = performance.now()
      t.deepEqual(await flood(visit, count, () => ({ method: 'GET', path })), {
        statuses: { 200: count },
        cookies: 0,
      })
      const known = await flood(visit, count, () => ({ method: 'GET', path, cookie: cookie() }))
      t.deepEqual(known, { statuses: { 200: count }, cookies: 0 })
      if (app.routes.some(({ path }) => path === '/logout')) {
        const strangers = await flood(visit, count, () => ({ method: 'POST', path: '/logout' }))
        t.deepEqual(strangers, { statuses: { 200: count }, cookies: 0 })
      }
      t.log(`${Math.round(performance.now() - begun)} ms`)
      t.is(await recordsOf(app), 0)
    },
  )
}

const sweep = has('db', 'sealed') ? test.serial : test.serial.skip
sweep(
  `clearing ${EXPIRED_ROWS} expired records under load ends no live session, and does not block the process`,
  async (t) => {
    const app = await startApp({ SESSION_ENGINE: 'db' })
    t.teardown(() => app.close())
    const { services } = app
    const live: string[] = []
    for (let n = 0; n < LIVE_SESSIONS; n++) {
      const committed = await services.engine.commit({
        write: 'create',
        loaded: undefined,
        data: asData({ n }),
        changes: new Operations(),
        client: { ipAddress: null, userAgent: null },
        restartClock: false,
      })
      if (committed.outcome === 'saved' && committed.cookie !== undefined) live.push(committed.cookie)
    }
    t.is(live.length, LIVE_SESSIONS)
    const row = await services.sessionKnex('sessions').first()
    const expired = Array.from({ length: EXPIRED_ROWS }, () => ({
      ...row,
      session_key: randomBytes(32).toString('hex'),
      expires: Date.now() - 1000,
    }))
    await services.sessionKnex.batchInsert('sessions', expired, 500)

    const { visit, close } = visitor(app)
    t.teardown(close)
    const path = await pageWithSession(app)
    const visits = { made: 0, failed: 0 }
    const load = new AbortController()
    const work = async (first: number) => {
      for (let n = first; !load.signal.aborted; n++) {
        const cookie = `${services.config.session.cookie.name}=${live[n % live.length]}`
        const { status } = await visit({ method: 'GET', path, cookie })
        visits.made++
        if (status !== 200) visits.failed++
      }
    }
    const working = Promise.all(Array.from({ length: 4 }, (_, n) => work(n * 50)))
    const measured = async (during: () => Promise<unknown>) => {
      const delay = monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      const begun = performance.now()
      await during()
      delay.disable()
      return { p99: delay.percentile(99) / 1e6, milliseconds: performance.now() - begun }
    }
    const before = await measured(() => sleep(1000))
    let cleared = { sessions: 0 }
    const during = await measured(async () => {
      cleared = await clearExpired(services, {}, Date.now())
    })
    load.abort()
    await working
    t.log(
      `p99 of the event loop's delay: ${before.p99.toFixed(1)} ms before, ${during.p99.toFixed(1)} ms while clearing for ${Math.round(during.milliseconds)} ms; ${visits.made} visits`,
    )
    t.is(cleared.sessions, EXPIRED_ROWS)
    t.is(visits.failed, 0)
    t.is(await recordsOf(app), LIVE_SESSIONS)
    const opened = await Promise.all(live.map((cookie) => services.engine.open(cookie)))
    t.true(opened.every((one) => one.live))
    // A process that was blocked would be so for most of the time. A busy machine delays both.
    t.true(during.p99 < Math.max(during.milliseconds / 5, before.p99 * 10), `${during.p99} ms`)
  },
)
