import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { SessionContendedError, StoreUnavailableError } from '../../src/session/core/errors.ts'
import { KeyedQueue, MAX_QUEUED } from '../../src/session/core/queue.ts'
import { retry } from '../../src/session/core/retry.ts'
import { StorageTime } from '../../src/session/core/storage-time.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { signIn } from '../../src/session/sign-in.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../src/session/stores/revocations.ts'
import type { SessionRecord, Version } from '../../src/session/stores/store.ts'
import { cookieBench } from '../support/cookie-engine.ts'
import { EXPIRY, testEngine } from '../support/engine.ts'
import { codecOptions, sealed } from '../support/formats.ts'
import { application, deferred } from '../support/handlers.ts'

const never = () => new Promise<never>(() => {})
const outage = { instanceOf: StoreUnavailableError }

test('waits add up, and after the time is over nothing is begun', async (t) => {
  const long = new StorageTime(600_000)
  for (let n = 0; n < 3; n++) await long.wait(() => pause(50))
  t.true(long.left < 600_000 - 140)
  const time = new StorageTime(50)
  await t.throwsAsync(time.wait(never), outage)
  t.true(time.left < 1)
  let begun = false
  const work = async () => {
    begun = true
  }
  await t.throwsAsync(time.wait(work), outage)
  t.false(begun)
})

test('waits at the same time count once, and work between them does not count', async (t) => {
  const time = new StorageTime(60_000)
  await Promise.all(Array.from({ length: 1000 }, () => time.wait(() => pause(100))))
  const { left } = time
  t.true(left > 0, 'and not 1000 times as long')
  await pause(50)
  t.is(time.left, left)
})

test('errors of the storage are passed on, and a restart gives the whole time again', async (t) => {
  const time = new StorageTime(100)
  await t.throwsAsync(
    time.wait(async () => {
      throw new RangeError('its own')
    }),
    { instanceOf: RangeError },
  )
  await t.throwsAsync(time.wait(never), outage)
  time.restart()
  t.is(await time.wait(async () => 'done'), 'done')
})

test('queued work that nobody waits for any more is not begun, and the next one is', async (t) => {
  const queue = new KeyedQueue<string>()
  const slow = deferred()
  const first = queue.run('key', async () => {
    await slow.promise
    return 'first'
  })
  let begun = false
  const late = queue.run(
    'key',
    async () => {
      begun = true
      return 'late'
    },
    performance.now(),
  )
  const next = queue.run('key', async (latest) => `after the ${latest}`)
  await pause(5)
  slow.resolve()
  t.is(await first, 'first')
  await t.throwsAsync(late, { instanceOf: SessionContendedError })
  t.false(begun)
  t.is(await next, 'after the first')
})

test('a queue of one session is bounded', async (t) => {
  const queue = new KeyedQueue<number>()
  const slow = deferred()
  const work = async () => {
    await slow.promise
    return 1
  }
  const all = Promise.allSettled(Array.from({ length: 2 * MAX_QUEUED }, () => queue.run('key', work)))
  t.is(await queue.run('other', async () => 2), 2)
  slow.resolve()
  const refused = (await all).filter(({ status }) => status === 'rejected')
  t.true(refused.length >= MAX_QUEUED - 1)
  t.true(refused.every((one) => one.status === 'rejected' && one.reason instanceof SessionContendedError))
  t.is(await queue.run('key', work), 1)
})

test('nothing is tried again for a request that waits no more', async (t) => {
  let attempts = 0
  const lost = async () => {
    attempts++
    await pause(5)
    return undefined
  }
  await t.throwsAsync(retry(lost, { until: performance.now() + 1 }), { instanceOf: SessionContendedError })
  t.is(attempts, 1)
})

/** A store whose next save does not answer in time; it is done all the same, when `release` is called. */
class SlowStore extends MemoryStore {
  #gate: ReturnType<typeof deferred> | undefined
  saves = 0

  hold(): () => void {
    const gate = deferred()
    this.#gate = gate
    return () => {
      this.#gate = undefined
      gate.resolve()
    }
  }

  override async save(key: string, version: Version, record: SessionRecord) {
    this.saves++
    await this.#gate?.promise
    return await super.save(key, version, record)
  }
}

async function slowApplication(t: Parameters<typeof application>[0], handlers: Parameters<typeof application>[1]) {
  const { now } = testEngine({ expiry: EXPIRY })
  const store = new SlowStore({ now })
  const { engine } = testEngine({ expiry: EXPIRY, store })
  const app = await application(t, handlers, { engine, storeTimeout: 200 })
  return { ...app, store }
}

test('over HTTP, a save without an answer is a 503 that keeps the cookie; its late end is ignored, and counted once', async (t) => {
  const { begin, get, store } = await slowApplication(t, {
    '/again': async (ctx, session) => {
      const own = await session()
      own.update('n', (n) => Number(n) + 1)
      await own.save().catch(() => {})
      // What is unknown must not be done twice.
      ctx.body = t.throws(() => own.set('n', 100))?.message
    },
  })
  const cookie = await begin()
  const release = store.hold()
  const refused = await get('/increment', cookie)
  t.deepEqual([refused.status, refused.headers.has('retry-after'), refused.setCookie], [503, true, ''])
  release()
  t.is((await get('/read', cookie)).text, '{"n":2}')
  const releaseAgain = store.hold()
  t.regex((await get('/again', cookie)).text, /failed/)
  releaseAgain()
  t.is((await get('/read', cookie)).text, '{"n":3}')
})

test('over HTTP, ten saves of one session fail together, and only one of them was begun', async (t) => {
  const { begin, get, store } = await slowApplication(t, {})
  const cookie = await begin()
  const release = store.hold()
  const before = store.saves
  const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await get('/increment', cookie)).status))
  t.deepEqual(new Set(statuses), new Set([503]))
  release()
  await pause(50)
  t.is(store.saves, before + 1)
  t.is((await get('/read', cookie)).text, '{"n":2}')
})

test('over HTTP, a handler may take longer than the storage, and so may a response that has begun', async (t) => {
  const { begin, get } = await slowApplication(t, {
    '/slow': async (_ctx, session) => {
      await session()
      await pause(300)
      ;(await session()).update('n', (n) => Number(n) + 1)
    },
    '/stream': async (ctx, session) => {
      const own = await session()
      ctx.respond = false
      ctx.res.removeHeader('content-length')
      ctx.res.writeHead(200)
      ctx.res.flushHeaders()
      for (let n = 0; n < 4; n++) {
        own.update('n', (count) => Number(count) + 1)
        await own.save()
        await pause(100)
      }
      ctx.res.end('done')
    },
  })
  const cookie = await begin()
  t.is((await get('/slow', cookie)).status, 200)
  t.is((await get('/stream', cookie)).text, 'done')
  t.is((await get('/read', cookie)).text, '{"n":6}')
})

test('over HTTP, activity neither sends nor stores the changes of a save that failed', async (t) => {
  const handlers: Parameters<typeof application>[1] = {
    '/sign-in': async (ctx, session) => {
      const own = await session()
      await signIn(own, '7')
      await t.throwsAsync(own.save(), outage)
      // The handler answers all the same.
      ctx.body = 'try again'
    },
    '/user': async (ctx, session) => {
      ctx.body = String((await session()).userId)
    },
  }
  const { now } = testEngine({ expiry: EXPIRY })
  const revocations = new MemoryRevocations({ now })
  const store = new MemoryStore({ now })
  const stored = (...secrets: [string, ...string[]]) =>
    new StoredEngine({ store, codec: sealed.codec({ ...codecOptions('sid', now), secrets }), expiry: EXPIRY, now })
  const [older, newer] = ['an older secret of forty characters 0123', 'a newer secret of forty characters 01234']
  const engines = [
    [cookieBench({ revocations }).engine, cookieBench({ revocations }).engine],
    [stored(older), stored(newer, older)],
  ] as const
  for (const [before, engine] of engines) {
    const cookie = await (await application(t, {}, { engine: before })).begin()
    const { get } = await application(t, handlers, { engine, saveEveryRequest: true })
    const down = () => Promise.reject(new StoreUnavailableError())
    Object.assign(revocations, { check: down })
    Object.assign(store, { create: down })
    const answer = await get('/sign-in', cookie)
    Reflect.deleteProperty(revocations, 'check')
    Reflect.deleteProperty(store, 'create')
    t.is(answer.text, 'try again')
    for (const one of [cookie, answer.cookie]) t.is((await get('/user', one)).text, 'null', engine.name)
  }
})
