import test from 'ava'
import { openSession, type Session } from '../../src/session/index.ts'
import { application, COOKIE, deferred } from '../support/handlers.ts'

test('an early save creates the key and the cookie, which are sent even if the request fails later', async (t) => {
  let key: string | null = null
  const { get } = await application(t, {
    '/throws': async (_ctx, session) => {
      const opened = await session()
      opened.set('n', 1)
      await opened.save()
      key = opened.key
      throw new Error('broken')
    },
  })
  const failed = await get('/throws')
  t.is(failed.status, 500)
  t.is(failed.cookie, `sid=${key}`)
  t.is((await get('/read', failed.cookie)).text, '{"n":1}')
})

test('changes after an early save are saved with the response, and nothing is applied twice', async (t) => {
  const { get, begin, calls } = await application(t, {
    '/twice': async (_ctx, session) => {
      const opened = await session()
      opened.update('n', (n) => Number(n) + 1)
      await opened.save()
      opened.update('n', (n) => Number(n) + 10)
    },
    '/place': async (_ctx, session) => {
      const opened = await session()
      opened.setDefault('list', [])
      const list = opened.get('list') as number[]
      list.push(1)
      await opened.save()
      list.push(2)
    },
  })
  const cookie = await begin()
  calls.length = 0
  await get('/twice', cookie)
  t.deepEqual(calls, ['load', 'save', 'save'])
  await get('/place', cookie)
  t.is((await get('/read', cookie)).text, '{"n":12,"list":[1,2]}')
})

test('an early save includes what another request saved meanwhile', async (t) => {
  const { get, begin } = await application(t, {
    '/both': async (ctx, session) => {
      const opened = await session()
      const list = opened.get('list') as number[]
      await get('/push', ctx.get('cookie'))
      list.push(1)
      await opened.save()
      const seen = [...(opened.get('list') as number[])]
      list.push(2)
      ctx.body = seen
    },
    '/list': async (_ctx, session) => (await session()).set('list', []),
    '/push': async (_ctx, session) => void ((await session()).get('list') as number[]).push(9),
  })
  const cookie = await begin()
  await get('/list', cookie)
  t.is((await get('/both', cookie)).text, '[9,1]')
  t.is((await get('/read', cookie)).text, '{"n":1,"list":[9,1,2]}')
})

test('after the headers were sent, changes that need a cookie throw, and the session stays valid', async (t) => {
  const { get, begin } = await application(t, {
    '/stream': async (ctx, session) => {
      const opened = await session()
      ctx.remove('Content-Length')
      ctx.res.flushHeaders()
      const failed = (work: () => unknown) => {
        try {
          return String(work() ?? 'done')
        } catch (error) {
          return (error as Error).message.includes('headers were sent') ? 'refused' : String(error)
        }
      }
      const set = failed(() => opened.set('n', 2))
      const cycled = await opened.cycleKey().then(
        () => 'done',
        () => 'refused',
      )
      ctx.body = `${set} ${cycled}`
    },
  })
  t.is((await get('/stream')).text, 'refused refused')
  const cookie = await begin()
  t.is((await get('/stream', cookie)).text, 'done refused')
  t.is((await get('/read', cookie)).text, '{"n":2}')
})

test('a change during or after the save with the response throws', async (t) => {
  let session: Session | undefined
  const { get, begin } = await application(t, {
    '/background': async (_ctx, open) => {
      session = await open()
      session.set('n', 2)
    },
  })
  const cookie = await begin()
  await get('/background', cookie)
  t.throws(() => session?.set('n', 4), { message: /would be lost/ })
  await t.throwsAsync(async () => await session?.save(), { message: /would be lost/ })
  t.is(session?.get('n'), 2)
  t.is((await get('/read', cookie)).text, '{"n":2}')
})

test('after a save with an unknown result nothing is stored twice', async (t) => {
  const { engine, get, begin } = await application(t, {
    '/unsure': async (ctx, session) => {
      const opened = await session()
      opened.update('n', (n) => Number(n) + 1)
      ctx.body = await opened.save().then(
        () => 'saved',
        (error: Error) => error.name,
      )
      t.throws(() => opened.update('n', (n) => Number(n) + 1), { message: /last save failed/ })
    },
  })
  const cookie = await begin()
  const commit = engine.commit.bind(engine)
  engine.commit = async (given) => {
    await commit(given)
    engine.commit = commit
    const { StoreUnavailableError } = await import('../../src/session/index.ts')
    throw new StoreUnavailableError()
  }
  t.is((await get('/unsure', cookie)).text, 'StoreUnavailableError')
  t.is((await get('/read', cookie)).text, '{"n":2}')
})

test('a change during an early save that cannot be replayed does not affect newer data', async (t) => {
  const { engine, get, begin } = await application(t, {
    '/clash': async (ctx, session) => {
      const opened = await session()
      opened.update('mine', (n) => Number(n ?? 0) + 1)
      await get('/theirs', ctx.get('cookie'))
      const saved = opened.save()
      await begins
      opened.update('n', (n) => {
        if (n !== 1) throw new RangeError('taken')
        return 9
      })
      goOn()
      ctx.body = await saved.then(
        () => 'saved',
        (error: Error) => error.name,
      )
      opened.drop('n')
    },
    '/theirs': async (_ctx, session) => (await session()).assign({ n: 2, theirs: 1 }),
  })
  const cookie = await begin()
  const [reached, released] = [deferred(), deferred()]
  const [begins, goOn] = [reached.promise, released.resolve]
  const commit = engine.commit.bind(engine)
  engine.commit = async (given) => {
    if (given.changes.keys.includes('mine')) {
      reached.resolve()
      await released.promise
    }
    return await commit(given)
  }
  await get('/begin', cookie)
  t.is((await get('/clash', cookie)).text, 'RangeError')
  t.is((await get('/read', cookie)).text, '{"theirs":1,"mine":1}')
})

test('after a refused save the changes can be corrected and saved', async (t) => {
  const { get, begin } = await application(t, {
    '/mend': async (ctx, session) => {
      const opened = await session()
      opened.set('large', 'x'.repeat(2_000_000))
      opened.update('n', (n) => Number(n) + 1)
      ctx.body = await opened.save().then(
        () => 'saved',
        (error: Error) => error.name,
      )
      opened.delete('large')
    },
  })
  const cookie = await begin()
  t.is((await get('/mend', cookie)).text, 'SessionTooLargeError')
  t.is((await get('/read', cookie)).text, '{"n":2}')
})

test('the function of an update may not be asynchronous, and may not use the session', async (t) => {
  const { get, begin } = await application(t, {
    '/misuse': async (ctx, session) => {
      const opened = await session()
      const misuse = [
        () => opened.update('n', (async () => 1) as unknown as () => number),
        () => opened.update('n', () => Number(opened.get('m'))),
        () => opened.update('n', () => opened.set('m', 1) as unknown as number),
      ]
      for (const one of misuse) t.throws(one, { instanceOf: TypeError })
      ctx.body = opened.modified
    },
  })
  t.is((await get('/misuse', await begin())).text, 'false')
})

test('a socket reads, changes and saves a session, and learns that it has ended', async (t) => {
  const { get, begin, engine, expiry, now } = await application(t, {})
  const settings = { engine, expiry, now, cookie: COOKIE }
  const cookie = await begin()
  const socket = await openSession(settings, `other=1; ${cookie}`)
  socket.session.update('n', (n) => Number(n) + 1)
  await socket.session.save()
  await get('/increment', cookie)
  t.is(socket.session.get('n'), 2)
  t.is(await socket.refresh(), 'live')
  t.is(socket.session.get('n'), 3)
  socket.session.update('n', (n) => Number(n) + 1)
  await get('/end', cookie)
  await t.throwsAsync(() => socket.session.save(), { name: 'SessionEndedError' })
  t.is(await socket.refresh(), 'ended')
  t.throws(() => socket.session.set('n', 9))
  const stranger = await openSession(settings, undefined)
  t.is(stranger.session.get('n'), undefined)
  t.throws(() => stranger.session.set('n', 1), { message: /headers were sent/ })
})

test('a late logout with the old key ends the session and does not clear a newer cookie', async (t) => {
  const { get, begin } = await application(t, { '/rotate': async (_ctx, session) => (await session()).cycleKey() })
  const cookie = await begin()
  const rotated = await get('/rotate', cookie)
  t.not(rotated.cookie, '')
  t.deepEqual([(await get('/read', cookie)).text, (await get('/increment', cookie)).setCookie], ['{"n":1}', ''])
  t.is((await get('/read', rotated.cookie)).text, '{"n":2}')
  t.is((await get('/end', cookie)).setCookie, '')
  for (const key of [cookie, rotated.cookie]) t.is((await get('/read', key)).text, '{}')
})
