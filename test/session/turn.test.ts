import test from 'ava'
import type { Context } from 'koa'
import { smallRandom } from '../../src/session/core/random.ts'
import { TimeoutError, withTimeout } from '../../src/session/core/timeout.ts'
import { openCookies } from '../../src/session/http/open-cookies.ts'
import { EXPIRY, testEngine } from '../support/engine.ts'
import { application, deferred } from '../support/handlers.ts'

const never = () => new Promise<never>(() => {})
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('requests of one turn are opened together, after all of them have arrived', async (t) => {
  const { engine } = testEngine({ expiry: EXPIRY })
  const log: string[] = []
  const spy = Object.create(engine, {
    open: {
      value: async (cookie: string) => {
        log.push(`open ${cookie}`)
        return await engine.open(cookie)
      },
    },
  })
  const opening = ['a', 'b'].map((cookie) => {
    log.push(`arrives ${cookie}`)
    return openCookies({ engine: spy }, [cookie])
  })
  await Promise.resolve()
  t.deepEqual(log, ['arrives a', 'arrives b'])
  await turn()
  t.deepEqual(log, ['arrives a', 'arrives b', 'open a', 'open b'])
  t.deepEqual(
    (await Promise.all(opening)).map(({ live }) => live),
    [false, false],
  )
  // The next ones wait for their own turn.
  const later = openCookies({ engine: spy }, ['c'])
  t.is(log.length, 4)
  await later
  t.is(log.at(-1), 'open c')
})

test('a client that disconnects before its session is opened loses nothing of it', async (t) => {
  const saved = deferred()
  const { begin, get } = await application(t, {
    '/disconnected': async (ctx, session) => {
      ctx.req.socket.destroy()
      const own = await session()
      own.update('n', (n) => Number(n) + 1)
      await own.save()
      saved.resolve()
    },
  })
  const cookie = await begin()
  await t.throwsAsync(get('/disconnected', cookie))
  await saved.promise
  t.is((await get('/increment', cookie)).status, 200)
  t.regex((await get('/read', cookie)).text, /"n":3/)
})

test('a page that does not use the session reads no cookie', async (t) => {
  let reads = 0
  const watch = ({ req: { headers } }: Context) => {
    const value = headers.cookie
    const get = () => {
      reads++
      return value
    }
    Object.defineProperty(headers, 'cookie', { get })
  }
  const { get, begin } = await application(t, {
    '/plain': watch,
    '/session': async (ctx, session) => {
      watch(ctx)
      await session()
    },
  })
  const cookie = await begin()
  t.is((await get('/plain', cookie)).vary, null)
  t.is(reads, 0)
  t.is((await get('/session', cookie)).vary, 'Cookie')
  t.true(reads > 0)
})

test('a shorter wait that begins later ends first, and each at its own time', async (t) => {
  const ended: string[] = []
  const wait = (name: string, milliseconds: number) =>
    withTimeout(never(), milliseconds).catch((error: unknown) => {
      t.true(error instanceof TimeoutError)
      ended.push(name)
    })
  await Promise.all([wait('long', 120), wait('short', 10), wait('middle', 60)])
  t.deepEqual(ended, ['short', 'middle', 'long'])
})

test('small random values differ and keep their bytes when the pool is filled again', (t) => {
  const values = Array.from({ length: 2000 }, () => smallRandom(12))
  const texts = values.map((value) => value.toString('hex'))
  t.is(new Set(texts).size, 2000)
  smallRandom(4096)
  t.deepEqual(
    values.map((value) => value.toString('hex')),
    texts,
  )
  t.true(values.every((value) => value.length === 12))
})
