import test, { type ExecutionContext } from 'ava'
import { z } from 'zod'
import { MERGED_KEY } from '../../src/session/account.ts'
import { emptyData, type SessionData } from '../../src/session/core/data.ts'
import { Operations, SignedInMeanwhileError } from '../../src/session/core/operations.ts'
import { openSession, StoreUnavailableError } from '../../src/session/index.ts'
import { signIn, signOut } from '../../src/session/sign-in.ts'
import { defineSlice } from '../../src/session/slice.ts'
import { TestAccounts } from '../support/accounts.ts'
import { application, COOKIE, type Handler } from '../support/handlers.ts'

// In its own process: the names of its slices are taken in the whole process.

// Appends what is new on one side to the other, so that anything that is merged twice is there twice.
const list = defineSlice({
  name: 'list',
  schema: z.array(z.number()),
  default: (): number[] => [],
  budget: 200,
  version: 2,
  upgrades: { 1: (old) => old },
  account: true,
  merge: (mine, theirs, base) => [...theirs, ...mine.slice(base.length)],
})
const own = defineSlice({ name: 'own', schema: z.number(), default: () => 0 })

const stored = (d: unknown, v = 2) => ({ v, t: 1, d })
const kept = (accounts: TestAccounts) => (accounts.data('7')['list'] as { d: unknown } | undefined)?.d

async function site(t: ExecutionContext, handlers: Record<string, Handler> = {}) {
  const accounts = new TestAccounts()
  accounts.open('7')
  const made = await application(
    t,
    {
      '/in': async (_ctx, session) => await signIn(await session(), '7'),
      '/out': async (_ctx, session) => await signOut(await session()),
      '/push': async (ctx, session) => (await session()).update(list, (now) => [...now, Number(ctx.querystring)]),
      '/list': async (ctx, session) => {
        ctx.body = (await session()).get(list)
      },
      '/own': async (_ctx, session) => (await session()).set(own, 1),
      '/raw': async (_ctx, session) => (await session()).set('n', 9),
      ...handlers,
    },
    { accounts },
  )
  const record = async (cookie: string) => {
    const opened = await made.engine.open(cookie.split('=')[1] ?? '')
    return opened.live ? { ...opened.loaded.data } : undefined
  }
  return { ...made, accounts, record }
}

test('a slice of the account is only in the account while a user is signed in, the same for every session', async (t) => {
  const { get, accounts, record } = await site(t)
  const anonymous = (await get('/push?1')).cookie
  t.deepEqual(Object.keys((await record(anonymous)) ?? {}), ['list'])
  const here = (await get('/in', anonymous)).cookie
  const there = (await get('/in')).cookie
  t.deepEqual(kept(accounts), [1])
  t.deepEqual(await record(here), { _auth_user_id: '7' })
  await get('/push?2', there)
  t.is((await get('/list', here)).text, '[1,2]')
  await get('/out', here)
  t.is((await get('/list', here)).text, '[]')
  t.is((await get('/list', (await get('/in', here)).cookie)).text, '[1,2]')
})

test('a change of the account alone writes no session, and one of both writes both', async (t) => {
  const { get, calls, accounts } = await site(t, {
    '/both': async (_ctx, session) => {
      const opened = await session()
      opened.set(own, 1)
      opened.update(list, (now) => [...now, 1])
    },
    '/early': async (_ctx, session) => {
      const opened = await session()
      opened.set(own, 2)
      opened.update(list, (now) => [...now, 2])
      await opened.save()
      opened.update(list, (now) => [...now, 3])
      opened.get(list).push(4)
    },
  })
  const { cookie } = await get('/in')
  calls.length = 0
  await get('/push?0', cookie)
  t.deepEqual(calls.splice(0), ['load'])
  await get('/both', cookie)
  t.deepEqual(calls.splice(0), ['load', 'load', 'save'], 'once more, or an ended session would change the account')
  await get('/early', cookie)
  t.deepEqual(calls.splice(0), ['load', 'load', 'save'])
  t.deepEqual(kept(accounts), [0, 1, 2, 3, 4])
})

test('overlapping changes of several sessions are all there', async (t) => {
  const { get, accounts } = await site(t)
  const cookies = await Promise.all(Array.from({ length: 4 }, async () => (await get('/in')).cookie))
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) => get(`/push?${n}`, cookies[n % cookies.length] ?? '')),
  )
  t.true(answers.every(({ status }) => status === 200))
  t.is(new Set(kept(accounts) as number[]).size, 40)
})

test('a sign-in that is sent twice, or again after its answer was lost, merges nothing twice', async (t) => {
  const { get, accounts, engine, record } = await site(t)
  const anonymous = (await get('/push?1')).cookie
  const both = await Promise.all([get('/in', anonymous), get('/in', anonymous)])
  t.deepEqual(kept(accounts), [1])
  for (const { cookie } of both) t.is((await get('/list', cookie)).text, '[1]')

  // The process dies between the two writes: the account has it, and the session has it still.
  const again = (await get('/push?2')).cookie
  const { commit } = engine
  engine.commit = async () => {
    throw new Error('gone')
  }
  t.is((await get('/in', again)).status, 500)
  engine.commit = commit
  t.deepEqual(Object.keys((await record(again)) ?? {}), ['list'])
  t.deepEqual(kept(accounts), [1, 2])
  await get('/in', again)
  t.deepEqual(kept(accounts), [1, 2])
  t.is((accounts.data('7')[MERGED_KEY] as string[]).length, 2)
})

test('what another tab adds while the sign-in merges the slice is neither lost nor there twice', async (t) => {
  const { get, accounts, record } = await site(t)
  const anonymous = (await get('/push?1')).cookie
  accounts.beforeSave = async () => void (await get('/push?2', anonymous))
  const { cookie } = await get('/in', anonymous)
  t.deepEqual(kept(accounts), [1, 2])
  t.deepEqual(await record(cookie), { _auth_user_id: '7' })
})

test('changes of an anonymous request whose session was signed in meanwhile are applied to the account', (t) => {
  const made = new Operations()
  const append = (current: unknown) => [...((current as number[] | undefined) ?? []), 5]
  made.add('list', { kind: 'apply', apply: append }, { account: true, survivesSignIn: true })
  made.add('other', { kind: 'default', value: 1 })
  const anonymous = Object.assign(emptyData(), { list: [1] }) as SessionData
  const signedIn = Object.assign(emptyData(), { _auth_user_id: '7' }) as SessionData
  t.deepEqual({ ...made.replayOn(signedIn) }, { _auth_user_id: '7', list: [5], other: 1 }, 'no accounts here')
  made.startedAnonymous()
  t.deepEqual({ ...made.replayOn(anonymous) }, { list: [1, 5], other: 1 })
  const met = t.throws(() => made.withoutSignIn().replayOn(signedIn), { instanceOf: SignedInMeanwhileError })
  t.is(met?.session, signedIn)
  t.deepEqual({ ...made.forAccount().replayOn(anonymous) }, { list: [1, 5] })
  made.markAdopted()
  t.deepEqual({ ...made.withoutSignIn().replayOn(signedIn) }, { _auth_user_id: '7', other: 1 })
  t.deepEqual({ ...made.replayOn(anonymous) }, { list: [1, 5], other: 1 }, 'as the late request is shown it')
  t.true(made.forAccount().empty)
})

test('a slice in a signed-in session of an older process is merged once, on its next request', async (t) => {
  const { get, accounts, engine, record } = await site(t, {
    '/fails': async (_ctx, session) => {
      await session()
      throw new Error('broken')
    },
  })
  const { cookie } = await get('/in')
  await get('/push?1', cookie)
  const opened = await engine.open(cookie.split('=')[1] ?? '')
  if (!opened.live) return t.fail()
  const data = Object.assign(emptyData(), opened.loaded.data, { list: stored([8]) }) as SessionData
  const commit = { write: 'save', loaded: opened.loaded, data, changes: new Operations(), restartClock: false } as const
  await engine.commit({ ...commit, client: { ipAddress: null, userAgent: null } })
  t.is((await get('/fails', cookie)).status, 500)
  t.deepEqual(kept(accounts), [1], 'a request that fails stores nothing')
  t.is((await get('/list', cookie)).text, '[1,8]')
  t.is((await get('/list', cookie)).text, '[1,8]')
  t.deepEqual(kept(accounts), [1, 8])
  t.deepEqual(await record(cookie), { _auth_user_id: '7' })
})

test('the form of a newer version is never destroyed: read as default, not written, not merged', async (t) => {
  const { get, accounts, record } = await site(t, {
    '/clear': async (_ctx, session) => (await session()).clear(),
  })
  const newer = stored({ shape: 'of tomorrow' }, 3)
  accounts.open('7', { list: newer, unknown: stored(1) })
  const anonymous = (await get('/push?1')).cookie
  const { cookie } = await get('/in', anonymous)
  t.is((await get('/list', cookie)).text, '[]')
  t.is((await get('/push?2', cookie)).status, 409)
  t.like(await record(cookie), { list: { d: [1] } }, 'the session keeps its own until the account can take it')
  await get('/clear', cookie)
  await get('/out', (await get('/in')).cookie)
  t.deepEqual({ ...accounts.data('7') }, { list: newer, unknown: stored(1) })
})

test('slices that are too large together stay separate and do not prevent the sign-in', async (t) => {
  const { get, accounts, record, events } = await site(t)
  const many = Array.from({ length: 60 }, (_, n) => n)
  accounts.open('7', { list: stored(many) })
  const anonymous = (await get('/push?1')).cookie
  for (let n = 0; n < 20; n++) await get('/push?99', anonymous)
  const { status, cookie } = await get('/in', anonymous)
  t.is(status, 200)
  t.deepEqual(kept(accounts), many)
  t.like(await record(cookie), { list: { d: [1, ...Array(20).fill(99)] } })
  t.true(events.some((event) => event.type === 'slice' && event.problem === 'not-merged'))
})

test('after a save of the account with an unknown result nothing is stored twice', async (t) => {
  const { get, accounts } = await site(t, {
    '/unsure': async (ctx, session) => {
      const opened = await session()
      opened.update(list, (now) => [...now, 1])
      ctx.body = await opened.save().then(
        () => 'saved',
        (error: Error) => error.name,
      )
    },
  })
  const { cookie } = await get('/in')
  const save = accounts.save.bind(accounts)
  accounts.save = async (change) => {
    await save(change)
    accounts.save = save
    throw new StoreUnavailableError()
  }
  t.is((await get('/unsure', cookie)).text, 'StoreUnavailableError')
  t.deepEqual(kept(accounts), [1])
})

test('if the account refuses the changes of an anonymous request, nothing of it is stored', async (t) => {
  const { get, accounts, record } = await site(t, {
    '/too-much': async (ctx, session) => {
      const opened = await session()
      opened.update(list, (now) => [...now, ...Array(40).fill(1)])
      opened.update(own, (now) => now + 1)
      await get('/in', ctx.get('cookie'))
      const error = await t.throwsAsync(opened.save())
      t.is(error?.name, 'SessionTooLargeError')
    },
  })
  const many = Array.from({ length: 60 }, (_, n) => n)
  accounts.open('7', { list: stored(many) })
  const { cookie } = await get('/own')
  t.is((await get('/too-much', cookie)).status, 413)
  const { cookie: newest } = await get('/in', cookie)
  t.like(await record(newest), { own: { d: 1 } })
  t.deepEqual(kept(accounts), many)
})

test('an old key can remove a slice of the account although it cannot read it', async (t) => {
  const { get, accounts } = await site(t, {
    '/rotate': async (_ctx, session) => (await session()).cycleKey(),
    '/clear': async (_ctx, session) => void (await session()).delete(list),
  })
  const { cookie } = await get('/in')
  await get('/push?1', cookie)
  await get('/rotate', cookie)
  t.is((await get('/list', cookie)).text, '[]')
  t.is((await get('/clear', cookie)).status, 200)
  t.is(kept(accounts), undefined)
})

test('a socket with an old key cannot read the account', async (t) => {
  const { get, accounts, engine, expiry, now } = await site(t, {
    '/rotate': async (_ctx, session) => (await session()).cycleKey(),
  })
  const { cookie } = await get('/in')
  const socket = await openSession({ engine, expiry, now, accounts, cookie: COOKIE }, cookie)
  const { cookie: next } = await get('/rotate', cookie)
  await get('/push?1', next)
  t.is(await socket.refresh(), 'rekeyed')
  t.deepEqual(socket.session.get(list), [])
})

test('an ended session does not change the account; a deleted account ends its sessions', async (t) => {
  const { get, accounts, record } = await site(t, {
    '/slow': async (ctx, session) => {
      const opened = await session()
      opened.set(own, 1)
      opened.update(list, (now) => [...now, 1])
      await get('/out', ctx.get('cookie'))
    },
  })
  const { cookie } = await get('/in')
  const slow = await get('/slow', cookie)
  t.is(slow.status, 409)
  t.deepEqual(kept(accounts), undefined)

  const gone = (await get('/in')).cookie
  accounts.beforeSave = () => void accounts.rows.clear()
  t.is((await get('/push?1', gone)).status, 409)
  t.is(accounts.rows.size, 0, 'no row is made again')
  t.is((await get('/list', gone)).text, '[]')
  t.is(await record(gone), undefined)
  t.is((await get('/in')).status, 409)
})

test('a session that does not prove its user is anonymous, unchanged, and only replaced when that is safe', async (t) => {
  const { get, record } = await site(t, {
    '/proof': async (ctx, session) => (await session()).set('proof', ctx.querystring),
    '/own': async (_ctx, session) => (await session()).set(own, 5),
    '/who': async (ctx, session) => {
      const opened = await session()
      ctx.body = [opened.userId, opened.account, opened.get(own), opened.entries()]
    },
  })
  for (const [proof, status] of [
    ['old', 409],
    ['older', 200],
  ] as const) {
    const { cookie } = await get('/in')
    await get('/push?1', cookie)
    await get('/own', cookie)
    await get(`/proof?${proof}`, cookie)
    const before = await record(cookie)
    const who = await get('/who', cookie)
    t.is(who.text, '[null,null,0,[]]')
    t.is(who.setCookie, '')
    const changed = await get('/push?2', cookie)
    t.is(changed.status, status)
    t.is(changed.setCookie === '', status === 409)
    t.deepEqual(await record(cookie), before)
    const again = await get('/in', cookie)
    t.is(again.status, 200)
    t.not(again.cookie, cookie)
    t.is((await get('/out', cookie)).status, 200)
    t.is(await record(cookie), undefined, 'it can be ended')
  }
})

test('a sign-in over that of another application starts a new session, also for the same id', async (t) => {
  const { get, accounts, record } = await site(t, {
    // As that application does.
    '/elsewhere': async (_ctx, session) => {
      ;(await session()).assign({ _auth_user_id: '7', elsewhere: true })
    },
  })
  const foreign = (await get('/elsewhere')).cookie
  await get('/push?1', foreign)
  t.is((await get('/list', foreign)).text, '[1]')
  const { cookie } = await get('/in', foreign)
  t.deepEqual(await record(cookie), { _auth_user_id: '7' })
  t.is(await record(foreign), undefined)
  t.is(kept(accounts), undefined)
})
