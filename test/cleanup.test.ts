import { EventEmitter, once } from 'node:events'
import { Writable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { cleanUp, clearingLease, startCleanup } from '../src/cleanup.ts'
import { readConfig } from '../src/config.ts'
import { openServices, type Services } from '../src/services.ts'
import { clearSessions } from '../src/session/stores/clear.ts'
import { MemoryStore } from '../src/session/stores/memory.ts'
import db from '../src/storage/engines/db.ts'
import sealed from '../src/storage/formats/sealed.ts'
import { record, START } from './session/stores/bench.ts'
import { migratedSqlite } from './support/databases.ts'
import { startProcess, TYPESCRIPT } from './support/processes.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA'
const HOUR = 3_600_000

async function open(t: ExecutionContext, url: string, env: Record<string, string> = {}): Promise<Services> {
  const services = await openServices(
    readConfig({
      SECRET_KEY,
      LOG_LEVEL: 'silent',
      SESSION_STORE_TIMEOUT: '10000',
      DATABASE_URL: url,
      SESSION_ENGINE: db.name,
      SESSION_FORMAT: sealed.name,
      ...env,
    }),
  )
  t.teardown(() => services.close())
  return services
}

async function insertExpired({ sessionKnex }: Services, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, n) => ({
    session_key: `k${n}-${Math.random()}`,
    data: 'x',
    version: 1,
    expires: Date.now() - HOUR,
    created_at: 1,
    last_activity: 1,
  }))
  await sessionKnex.batchInsert('sessions', rows, 50)
}

async function left({ sessionKnex }: Services): Promise<number> {
  return Number((await sessionKnex('sessions').count({ count: '*' }).first())?.['count'])
}

test('of two processes on one database only one clears in each interval', async (t) => {
  const url = await migratedSqlite(t)
  const [one, other] = [await open(t, url), await open(t, url)]
  const clock = { now: Date.now() }
  const options = { now: () => clock.now }
  const leases = [one, other].map((services) => clearingLease(services, 'expired', options.now))
  const [first, second] = leases
  if (first === undefined || second === undefined) return t.fail()
  await insertExpired(one, 30)
  const both = await Promise.all([cleanUp(one, first, options), cleanUp(other, second, options)])
  t.deepEqual(both.map(({ outcome }) => outcome).sort(), ['done', 'skipped'])
  t.is(await left(one), 0)

  await insertExpired(one, 5)
  t.like(await cleanUp(other, second, options), { outcome: 'skipped' }, 'the same round')
  t.like(await cleanUp(one, first, options), { outcome: 'skipped' })
  clock.now += HOUR
  t.like(await cleanUp(other, second, options), { outcome: 'done', sessions: 5 }, 'the next one')
})

test('the lease of a crashed process can be taken after it has expired', async (t) => {
  const url = await migratedSqlite(t)
  const [dead, alive] = [await open(t, url), await open(t, url)]
  const clock = { now: Date.now() }
  const options = { now: () => clock.now }
  t.true(await clearingLease(dead, 'expired', options.now).take())
  const lease = clearingLease(alive, 'expired', options.now)
  t.like(await cleanUp(alive, lease, options), { outcome: 'skipped' })
  clock.now += 59_999
  t.like(await cleanUp(alive, lease, options), { outcome: 'skipped' })
  clock.now += 1
  t.like(await cleanUp(alive, lease, options), { outcome: 'done' })
})

test('a lease from a clock that is far ahead does not block others', async (t) => {
  const services = await open(t, await migratedSqlite(t))
  const future = clearingLease(services, 'expired', () => Date.now() + 1000 * HOUR)
  t.true(await future.take())
  const lease = clearingLease(services, 'expired')
  t.like(await cleanUp(services, lease), { outcome: 'done' })
  t.true(await future.take())
  await future.finish()
  t.like(await cleanUp(services, lease), { outcome: 'done' })
})

test('a clean-up that is stopped finishes its batch, and another process continues', async (t) => {
  const url = await migratedSqlite(t)
  const [one, other] = [await open(t, url, { SESSION_CLEANUP_INTERVAL: '1' }), await open(t, url)]
  await insertExpired(one, 300)
  const news = new EventEmitter()
  const batchDone = once(news, 'batch')
  // A pause longer than the test.
  const cleanup = startCleanup(one, { batch: 100, pause: 1e9, onProgress: () => news.emit('batch') })
  await batchDone
  await cleanup.stop()
  t.is(await left(one), 200)
  t.like(await cleanUp(other, clearingLease(other, 'expired')), { outcome: 'done', sessions: 200 })
})

test('a process that has lost the lease stops, and cannot release it', async (t) => {
  const services = await open(t, await migratedSqlite(t))
  const clock = { now: Date.now() }
  const [slow, quick] = [
    clearingLease(services, 'expired', () => clock.now),
    clearingLease(services, 'expired', () => clock.now),
  ]
  t.true(await slow.take())
  clock.now += 30_000
  t.true(await slow.renew())
  clock.now += 59_999
  t.false(await quick.take(), 'renewed for a whole term')
  clock.now += 1
  t.true(await quick.take())
  t.false(await slow.renew())
  await slow.finish()
  await slow.release()
  t.false(await slow.take())

  const store = new MemoryStore()
  for (let n = 0; n < 5; n++) await store.create(`k${n}`, record({ expires: START }))
  const options = { batch: 2, pause: 0, shouldContinue: () => slow.renew() }
  t.is(await clearSessions(store, { kind: 'expired', before: START }, options), 2)
})

test('an outage is logged as a warning, and retried in the next interval', async (t) => {
  const services = await open(t, await migratedSqlite(t), { SESSION_CLEANUP_INTERVAL: '1' })
  await insertExpired(services, 3)
  await services.sessionKnex.schema.renameTable('session_leases', 'away')
  const news = new EventEmitter()
  const warned = once(news, 'warning')
  const cleared = once(news, 'batch')
  const log = pino(
    { level: 'warn' },
    new Writable({
      write(chunk, _encoding, done) {
        news.emit('warning', String(chunk))
        done()
      },
    }),
  )
  const cleanup = startCleanup({ ...services, log }, { onProgress: () => news.emit('batch') })
  t.teardown(() => cleanup.stop())
  const [line] = await warned
  t.regex(line, /"level":40,.*failed; it is tried again after the interval/)
  t.regex(line, /The table \\"session_leases\\" is missing: run \\"npm run migrate\\"/)
  await services.sessionKnex.schema.renameTable('away', 'session_leases')
  await cleared
  t.is(await left(services), 0)
})

test('the application cleans up in the background, and stops at once', async (t) => {
  const url = await migratedSqlite(t)
  const services = await open(t, url)
  await insertExpired(services, 7)
  const env = {
    SESSION_ENGINE: db.name,
    DATABASE_URL: url,
    SECRET_KEY,
    PORT: '0',
    SESSION_CLEANUP_INTERVAL: '1',
    LOG_LEVEL: 'info',
  }
  const server = startProcess([TYPESCRIPT, 'src/server.ts'], { env })
  t.teardown(() => server.stop('SIGKILL'))
  await server.printed(/"sessions":7,"revocations":0,.*expired sessions cleared/)
  t.is(await left(services), 0)
  t.is(await server.stop(), 0)
})
