import test, { type ExecutionContext } from 'ava'
import type { Context } from 'koa'
import { z } from 'zod'
import { emptyData, type SessionData } from '../../src/session/core/data.ts'
import { Operations } from '../../src/session/core/operations.ts'
import { openSession } from '../../src/session/index.ts'
import { signIn } from '../../src/session/sign-in.ts'
import { defineSlice } from '../../src/session/slice.ts'
import { TestAccounts } from '../support/accounts.ts'
import { cookieBench } from '../support/cookie-engine.ts'
import { EXPIRY } from '../support/engine.ts'
import { application, COOKIE, deferred, type Handler } from '../support/handlers.ts'

// In its own process: the names of its slices are taken in the whole process.

// What one request stores in the session and in the account of its user.

const list = defineSlice({
  name: 'both-list',
  schema: z.array(z.number()),
  default: (): number[] => [],
  budget: 200,
  account: true,
  merge: (mine, theirs, base) => [...theirs, ...mine.slice(base.length)],
})

const NO_CLIENT = { ipAddress: null, userAgent: null }
const stored = (d: number[], v = 1) => ({ v, t: 1, d })
const kept = (accounts: TestAccounts) => (accounts.data('7')[list.name] as { d: unknown } | undefined)?.d

async function site(t: ExecutionContext, handlers: Record<string, Handler> = {}) {
  const accounts = new TestAccounts()
  accounts.open('7')
  const made = await application(
    t,
    {
      '/in': async (_ctx, session) => await signIn(await session(), '7'),
      '/push': async (ctx, session) => (await session()).update(list, (now) => [...now, Number(ctx.querystring)]),
      '/both': async (_ctx, session) => {
        const opened = await session()
        opened.set('word', 'stored')
        opened.update(list, (now) => [...now, 1])
      },
      '/list': async (ctx, session) => {
        ctx.body = (await session()).get(list)
      },
      ...handlers,
    },
    { accounts },
  )
  const data = async (cookie: string) => {
    const opened = await made.engine.open(cookie.split('=')[1] ?? '')
    return opened.live ? { ...opened.loaded.data } : undefined
  }
  return { ...made, accounts, data }
}

/** Adds to the list in the record itself, as a process does that knows of no accounts. */
async function pushInRecord({ engine }: Pick<Awaited<ReturnType<typeof site>>, 'engine'>, cookie: string, n: number) {
  const opened = await engine.open(cookie.split('=')[1] ?? '')
  if (!opened.live) return
  const changes = new Operations()
  changes.add(list.name, {
    kind: 'apply',
    apply: (it) => stored([...((it as { d: number[] } | undefined)?.d ?? []), n]),
  })
  const change = { changes, data: changes.replayOn(opened.loaded.data), client: NO_CLIENT, restartClock: false }
  await engine.commit({ write: 'save', loaded: opened.loaded, ...change })
}

test('if the account refuses, nothing of the session is stored', async (t) => {
  const { get, accounts, data } = await site(t)
  const { cookie } = await get('/in')
  const newer: SessionData = { [list.name]: stored([8], 2) }
  accounts.beforeSave = () => void accounts.rows.set('7', { version: 1, data: newer })
  t.is((await get('/both', cookie)).status, 409)
  t.deepEqual(await data(cookie), { _auth_user_id: '7' })
  t.deepEqual({ ...accounts.data('7') }, newer)
})

test('if the session has ended before the request, nothing of the account is stored', async (t) => {
  const { get, accounts } = await site(t, {
    '/slow': async (ctx, session) => {
      const opened = await session()
      opened.set('word', 'slow')
      opened.update(list, (now) => [...now, 1])
      await get('/end', ctx.get('cookie'))
    },
  })
  const slow = await get('/slow', (await get('/in')).cookie)
  t.is(slow.status, 409)
  t.notRegex(slow.text, /account/)
  t.is(kept(accounts), undefined)
})

test('if the session ends while its account is saved, the response says what was saved', async (t) => {
  const { get, accounts } = await site(t)
  const { cookie } = await get('/in')
  accounts.beforeSave = async () => void (await get('/end', cookie))
  const both = await get('/both', cookie)
  t.is(both.status, 409)
  t.regex(both.text, /What your account keeps was changed/)
  t.deepEqual(kept(accounts), [1])
})

test('merging stops if an older process keeps adding to the session', async (t) => {
  const made = await site(t)
  const { get, accounts, engine } = made
  const { cookie } = await get('/in')
  await pushInRecord(made, cookie, 0)
  const commit = engine.commit.bind(engine)
  let pushed = 0
  engine.commit = async (given) => {
    if (given.client !== NO_CLIENT && pushed < 40) await pushInRecord(made, cookie, ++pushed)
    return await commit(given)
  }
  t.is((await get('/list', cookie)).status, 503)
  t.true(pushed < 40, `gave up after ${pushed}`)
  t.deepEqual(
    kept(accounts),
    Array.from({ length: pushed }, (_, n) => n),
  )
})

test('a change and a sign-in in one request that overlaps another sign-in: the change is there once', async (t) => {
  for (const all of [false, true]) {
    for (const first of ['changing', 'other']) {
      const { get, accounts } = await site(t, {
        '/push-in': async (ctx: Context, session) => {
          const opened = await session()
          opened.update(list, (now) => [...now, 2])
          if (all) opened.updateAll((data) => void Object.assign(data, { word: 1 }))
          if (first === 'other') await get('/in', ctx.get('cookie'))
          await signIn(opened, '7')
        },
      })
      const anonymous = (await get('/push?1')).cookie
      if (first === 'changing') accounts.beforeSave = async () => void (await get('/in', anonymous))
      const { cookie, status } = await get('/push-in', anonymous)
      t.is(status, 200)
      t.deepEqual(kept(accounts), [1, 2], `${first} first, all ${all}`)
      t.is((await get('/list', cookie)).text, '[1,2]')
    }
  }
})

test('of two overlapping sign-ins only the first merges its change', async (t) => {
  const opened = deferred()
  const goOn = deferred()
  const { get, accounts } = await site(t, {
    '/push-in': async (_ctx, session) => {
      const mine = await session()
      mine.update(list, (now) => [...now, 2])
      await signIn(mine, '7')
    },
    '/slow-in': async (_ctx, session) => {
      const mine = await session()
      opened.resolve()
      await goOn.promise
      await signIn(mine, '7')
    },
  })
  const anonymous = (await get('/push?1')).cookie
  const slow = get('/slow-in', anonymous)
  await opened.promise
  t.is((await get('/push-in', anonymous)).status, 200)
  goOn.resolve()
  t.is((await slow).status, 200)
  t.deepEqual(kept(accounts), [1, 2])
})

test('a change of all data before a sign-in that joins another is not applied to the account twice', async (t) => {
  const { get, accounts } = await site(t, {
    '/push-in': async (ctx, session) => {
      const mine = await session()
      mine.update(list, (now) => [...now, 1])
      mine.updateAll((data) => void Object.assign(data, { word: 1 }))
      await signIn(mine, '7')
      await get('/in', ctx.get('cookie'))
    },
  })
  const { cookie } = await get('/begin')
  t.is((await get('/push-in', cookie)).status, 200)
  t.deepEqual(kept(accounts), [1])
})

test('a socket of a session in a cookie can only change slices of the account', async (t) => {
  const accounts = new TestAccounts()
  accounts.open('7')
  const { engine, now } = cookieBench()
  const data = Object.assign(emptyData(), { _auth_user_id: '7' }) as SessionData
  const change = { data, changes: new Operations(), client: NO_CLIENT, restartClock: true }
  const made = await engine.commit({ write: 'create', loaded: undefined, ...change })
  if (made.outcome !== 'saved') return t.fail()
  const settings = { engine, expiry: EXPIRY, now, accounts, cookie: COOKIE }
  const { session } = await openSession(settings, `sid=${made.cookie}`)
  session.update(list, (now) => [...now, 1])
  await session.save()
  t.deepEqual(kept(accounts), [1])
  t.throws(() => session.set('word', 'x'), { message: /headers were sent/ })
})
