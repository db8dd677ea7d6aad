import { request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import type { Context } from 'koa'
import { sessions } from '../../src/session/http/middleware.ts'
import type { NewSession } from '../../src/session/http/session-settings.ts'
import type { Session } from '../../src/session/session.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { handle } from '../../src/session/testing/handle.ts'
import { START, testEngine } from '../support/engine.ts'
import { application, COOKIE, deferred, type Handler } from '../support/handlers.ts'
import { serve } from '../support/koa.ts'

test('a page without a session calls no store and sets no headers', async (t) => {
  const { get, calls, begin } = await application(t, {})
  const cookie = await begin()
  calls.length = 0
  const answer = await get('/nothing', cookie)
  t.deepEqual([answer.vary, answer.cache, answer.setCookie, calls], [null, null, '', []])
})

test('a read is one load, a change one load and one save', async (t) => {
  const { get, calls, begin } = await application(t, {
    '/twice': async (_ctx, session) => {
      ;(await session()).get('n')
      ;(await session()).set('m', 1)
    },
  })
  const cookie = await begin()
  calls.length = 0
  const read = await get('/read', cookie)
  t.deepEqual(
    [calls, read.text, read.vary, read.cache, read.setCookie],
    [['load'], '{"n":1}', 'Cookie', 'private, no-store', ''],
  )
  calls.length = 0
  const changed = await get('/twice', cookie)
  t.deepEqual(
    [calls, changed.setCookie, changed.vary, changed.cache],
    [['load', 'save'], '', 'Cookie', 'private, no-store'],
  )
})

test('a read, without or with an unknown cookie, leaves no record and no cookie', async (t) => {
  const { get, store } = await application(t, {})
  for (let n = 0; n < 50; n++) {
    for (const cookie of [undefined, `sid=${'x'.repeat(30)}${String(n).padStart(2, '0')}`]) {
      const answer = await get('/read', cookie)
      t.deepEqual([answer.text, answer.setCookie, answer.vary, answer.cache], ['{}', '', 'Cookie', null])
      t.is((await get('/end', cookie)).status, 200)
    }
  }
  const { statistics } = store as unknown as { statistics(): Promise<{ total: number }> }
  t.is((await statistics()).total, 0)
})

test('an unknown key is never adopted', async (t) => {
  const { get, engine } = await application(t, {})
  const sent = 'a'.repeat(32)
  const answer = await get('/begin', `sid=${sent}`)
  t.regex(answer.cookie, /^sid=[a-z0-9]{32}$/)
  t.not(answer.cookie, `sid=${sent}`)
  t.false((await engine.open(sent)).live)
})

test('invalid keys are anonymous and are not looked up', async (t) => {
  const { get, calls, events } = await application(t, {})
  for (const id of [
    '',
    'a',
    'A'.repeat(32),
    '../../etc/passwd',
    'a/b',
    "' OR 1=1--",
    '*',
    '%00',
    'x'.repeat(5000),
    '"quoted"',
  ]) {
    const answer = await get('/read', `sid=${id}`)
    t.deepEqual([answer.status, answer.text, answer.setCookie], [200, '{}', ''], id.slice(0, 40))
  }
  t.deepEqual(calls, [])
  t.true(events.every((event) => event.type === 'security' && event.kind === 'malformed-cookie'))
  t.is(events.length, 10)
})

test('of several cookies of one name the only live one is used, and leftovers are removed', async (t) => {
  const { get, begin, events } = await application(t, {})
  const cookie = await begin()
  for (const both of [`${cookie}; sid=${'a'.repeat(32)}`, `sid=${'a'.repeat(32)}; ${cookie}`]) {
    const answer = await get('/read', both)
    t.is(answer.text, '{"n":1}')
    t.regex(answer.setCookie, /^sid=; Max-Age=0; .*Path=\/read;/)
  }
  t.deepEqual(
    events.filter(({ type }) => type === 'security'),
    [],
  )
})

test('two live cookies of one name are anonymous, in one header line or two, and are reported', async (t) => {
  const { get, begin, origin, events } = await application(t, {})
  const [cookie, other] = [await begin(), await begin()]
  t.is((await get('/read', `${cookie}; ${other}`)).text, '{}')
  const raw = (lines: string[]) =>
    new Promise<string>((resolve, reject) => {
      const sent = request(`${origin}/read`, (response) => {
        let text = ''
        response
          .setEncoding('utf8')
          .on('data', (chunk) => (text += chunk))
          .on('end', () => resolve(text))
      })
      sent.setHeader('Cookie', lines)
      sent.on('error', reject).end()
    })
  t.is(await raw([cookie, 'other=1']), '{"n":1}')
  t.is(await raw([cookie, other]), '{}')
  t.is(events.filter((event) => event.type === 'security' && event.kind === 'duplicate-cookie').length, 2)
})

test('too many cookies of one name are anonymous and cost no load', async (t) => {
  const { get, begin, calls } = await application(t, {})
  const cookie = await begin()
  calls.length = 0
  t.is((await get('/read', `${cookie}${`; ${cookie}`.repeat(4)}`)).text, '{}')
  t.deepEqual(calls, [])
})

test('a failure saves nothing and leaves no record; a refusal by status is saved', async (t) => {
  const fail =
    (status: number): Handler =>
    async (ctx, session) => {
      ;(await session()).set('n', 99)
      ctx.status = status
    }
  const { get, begin, calls } = await application(t, {
    '/500': fail(500),
    '/503': fail(503),
    '/404': fail(404),
    '/throws': async (_ctx, session) => {
      ;(await session()).set('n', 99)
      throw new Error('broken')
    },
  })
  for (const path of ['/500', '/503', '/throws']) {
    calls.length = 0
    const answer = await get(path)
    t.true(answer.status >= 500)
    t.deepEqual([answer.setCookie, calls], ['', []], path)
  }
  const cookie = await begin()
  await get('/500', cookie)
  await get('/throws', cookie)
  t.is((await get('/read', cookie)).text, '{"n":1}')
  t.is((await get('/404', cookie)).status, 404)
  t.is((await get('/read', cookie)).text, '{"n":99}')
})

test('a slow request that overlaps a logout gets 409; the old cookie stays invalid', async (t) => {
  const entered = deferred()
  const release = deferred()
  const { get, begin, events } = await application(t, {
    '/slow': async (ctx, session) => {
      const held = await session()
      entered.resolve()
      await release.promise
      held.set('secret', 'late')
      ctx.body = 'private data of the user'
    },
  })
  const cookie = await begin()
  const slow = get('/slow', cookie)
  await entered.promise
  const logout = await get('/end', cookie)
  t.regex(logout.setCookie, /^sid=; Max-Age=0/)
  release.resolve()
  const answer = await slow
  t.is(answer.status, 409)
  t.notRegex(answer.text, /private|stack/)
  t.is(answer.setCookie, '')
  t.deepEqual((await get('/read', cookie)).text, '{}')
  t.true(events.some((event) => event.type === 'ended'))
})

test('storage that is down is 503 with Retry-After; the cookie is kept and public pages work', async (t) => {
  const { get, begin, store } = await application(t, {})
  const cookie = await begin()
  await store.close?.()
  for (const path of ['/read', '/begin', '/end']) {
    const answer = await get(path, cookie)
    t.deepEqual([answer.status, answer.headers.get('retry-after'), answer.setCookie], [503, '5', ''], path)
    t.notRegex(answer.text, /stack|memory|at /)
  }
  t.is((await get('/nothing', cookie)).status, 200)
})

test('a handler that continues without the session during an outage responds and saves nothing', async (t) => {
  const { get, store } = await application(t, {
    '/robust': async (ctx, session) => {
      await session().catch(() => {
        ctx.body = 'without'
      })
    },
  })
  await store.close?.()
  const answer = await get('/robust', `sid=${'a'.repeat(32)}`)
  t.deepEqual([answer.status, answer.text, answer.vary], [200, 'without', 'Cookie'])
})

test('cookies that a handler sets are kept', async (t) => {
  const { headers } = await handle(async (ctx) => {
    ctx.set('Set-Cookie', ['a=1', 'b=2'])
    ;(await ctx.session()).set('n', 1)
  })
  const names = headers['set-cookie']?.map((line) => line.split('=', 1)[0])
  t.deepEqual(names, ['a', 'b', 'sessionid'])
})

test('a handler that sets a cookie cannot make a personal response cacheable', async (t) => {
  const { headers } = await handle(async (ctx) => {
    ctx.set('Cache-Control', 'public, max-age=60')
    ;(await ctx.session()).set('n', 1)
  })
  t.is(headers['cache-control'], 'private, no-store')
})

test('the stored client: a valid address, and a short user agent without control characters', async (t) => {
  const { get, store, codec } = await application(t, {})
  const agent = `Browser <script>${'💥'.repeat(300)}`
  const { cookie } = await get('/begin', undefined, { 'User-Agent': Buffer.from(agent).toString('latin1') })
  const record = await store.load(codec.storeKey(cookie.slice(4)))
  t.is(record?.ipAddress, '127.0.0.1')
  t.true([...(record?.userAgent ?? '')].length <= 256)
  t.notRegex(record?.userAgent ?? '', /\p{Cc}/u)
})

test('a change after the response throws', async (t) => {
  const { ctx } = await handle(async (ctx) => void (await ctx.session()))
  const late = await ctx.session()
  t.throws(() => late.set('a', 1), { message: /would be lost/ })
})

test('after a failed request a later change throws, and Vary is set', async (t) => {
  let kept: Session | undefined
  let vary: string | undefined
  const { engine, expiry } = testEngine()
  const { origin, close } = await serve(
    async (ctx, next) => {
      await next().catch(() => {
        vary = ctx.response.get('Vary')
        ctx.status = 500
      })
    },
    sessions({ engine, cookie: COOKIE, expiry }),
    async (ctx) => {
      kept = await ctx.session()
      throw new Error('broken')
    },
  )
  t.teardown(close)
  t.is((await fetch(origin)).status, 500)
  t.is(vary, 'Cookie')
  t.throws(() => kept?.set('a', 1), { message: /would be lost/ })
})

test('a session opened after the response cannot be changed', async (t) => {
  for (const work of ['answers', 'throws']) {
    let late: Promise<void> | undefined
    const { origin, calls } = await besideErrors(
      t,
      (ctx) => {
        if (work === 'throws') ctx.throw(400)
      },
      (ctx) => {
        late = ctx.session().then((session) => session.set('a', 1))
      },
    )
    await fetch(origin)
    await t.throwsAsync(late ?? Promise.resolve(), { message: /would be lost/ }, work)
    t.deepEqual(calls, [])
  }
})

test('a session that was not awaited does not crash the process when the store is down', async (t) => {
  const { origin, store } = await besideErrors(t, (ctx) => {
    ctx.session()
    ctx.throw(400)
  })
  await store.close?.()
  // An unhandled rejection would end this test run.
  t.is((await fetch(origin, { headers: { cookie: `sid=${'a'.repeat(32)}` } })).status, 400)
})

test('a session that grows too large is refused with 413, and stays as it was', async (t) => {
  const grow = async (ctx: Context) => (await ctx.session()).set('big', 'x'.repeat(70_000))
  const refused = await handle(grow, { session: { n: 1 } })
  t.deepEqual([refused.status, refused.headers['set-cookie'], refused.session.keys()], [413, undefined, ['n']])
  const stranger = await handle(grow)
  t.deepEqual([stranger.status, stranger.headers['set-cookie']], [413, undefined])
})

/** The sessions with an error page around them, as applications have it, and work that goes on after the answer. */
async function besideErrors(
  t: ExecutionContext,
  handler: (ctx: Context) => Promise<void> | void,
  afterwards: (ctx: Context) => void = () => {},
) {
  const { engine, expiry, now, observe, store, calls } = testEngine()
  const { origin, close } = await serve(
    async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.status = error instanceof Error && 'status' in error ? Number(error.status) : 500
        ctx.body = 'an error'
      }
      afterwards(ctx)
    },
    sessions({ engine, cookie: COOKIE, expiry, now, observe }),
    async (ctx) => {
      ctx.body = 'ok'
      await handler(ctx)
    },
  )
  t.teardown(close)
  return { origin, store, calls }
}

test('a change that needs a cookie and was not saved before the headers is an error and stores nothing', async (t) => {
  const pages: Record<string, (session: Session) => Promise<void>> = {
    '/create': async (session) => session.set('n', 1),
    '/cycle': async (session) => session.cycleKey(),
    '/save': async (session) => session.set('n', 2),
    '/end': async (session) => session.flush(),
  }
  const errors: unknown[] = []
  const store = new MemoryStore({ now: () => START })
  const { engine, expiry, now } = testEngine({ store })
  const { origin, close } = await serve(
    async (_ctx, next) => await next().catch((error: unknown) => void errors.push(error)),
    sessions({ engine, cookie: COOKIE, expiry, now }),
    async (ctx) => {
      if (ctx.path === '/begin') return (await ctx.session()).set('n', 1)
      await pages[ctx.path]?.(await ctx.session())
      ctx.respond = false
      ctx.res.end('sent')
    },
  )
  t.teardown(close)
  const begun = await fetch(`${origin}/begin`)
  const cookie = begun.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  for (const [path, sent] of [['/create'], ['/cycle', cookie], ['/save', cookie], ['/end', cookie]] as const) {
    errors.length = 0
    t.is(await (await fetch(origin + path, sent === undefined ? {} : { headers: { cookie: sent } })).text(), 'sent')
    const needsCookie = path === '/create' || path === '/cycle'
    t.deepEqual(
      errors.map((error) => error instanceof Error && /headers were sent/.test(error.message)),
      needsCookie ? [true] : [],
      path,
    )
  }
  t.is((await store.statistics()).total, 0)
})

test('a session that may not begin: the request fails with that error, nothing is stored, and what has begun goes on', async (t) => {
  const asked: NewSession[] = []
  let refuse = false
  const { get, store } = await application(
    t,
    { '/saved': async (_ctx, session) => await (await session()).save() },
    {
      beforeCreate: async (session) => {
        asked.push(session)
        if (refuse) throw Object.assign(new Error('too many'), { status: 429, expose: true })
      },
    },
  )
  const { cookie } = await get('/begin', undefined, { 'user-agent': 'Mozilla' })
  t.deepEqual(asked, [{ client: { ipAddress: '127.0.0.1', userAgent: 'Mozilla' }, userId: null }])
  refuse = true
  const { status, text, setCookie } = await get('/begin')
  t.deepEqual([status, text, setCookie], [429, 'too many', ''])
  t.is((await get('/increment', cookie)).status, 200)
  t.is((await get('/read', cookie)).text, '{"n":2}')
  t.is((await get('/read')).status, 200)
  t.is((await get('/saved')).status, 200, 'there is nothing to store')
  t.is(asked.length, 2)
  const { statistics } = store as unknown as { statistics(): Promise<{ total: number }> }
  t.is((await statistics()).total, 1)
})
