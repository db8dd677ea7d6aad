import test, { type ExecutionContext } from 'ava'
import { z } from 'zod'
import { SessionContendedError } from '../../src/session/core/errors.ts'
import { signIn, signOut } from '../../src/session/sign-in.ts'
import { defineSlice } from '../../src/session/slice.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { START, testEngine } from '../support/engine.ts'
import { application, type Handler } from '../support/handlers.ts'
import { begun, open } from '../support/requests.ts'

// In its own process: the names of its slices are taken in the whole process.

const words = defineSlice({
  name: 'sign-out-words',
  schema: z.array(z.string()),
  default: (): string[] => [],
  budget: 100,
  logout: 'keep',
})

/** A visitor's pages; `/late/…` are those of requests during which the visitor does something else. */
async function site(t: ExecutionContext, meanwhile: string, handlers: Record<string, Handler> = {}) {
  const made = await application(t, {
    '/word': async (ctx, session) => (await session()).update(words, (now) => [...now, ctx.querystring]),
    '/words': async (ctx, session) => {
      ctx.body = (await session()).get(words).join()
    },
    '/who': async (ctx, session) => {
      ctx.body = String((await session()).userId)
    },
    '/in': async (_ctx, session) => await signIn(await session(), '7'),
    '/out': async (_ctx, session) => await signOut(await session()),
    '/rotate': async (_ctx, session) => (await session()).cycleKey(),
    ...handlers,
  })
  let during = ''
  /** Sends a request; when it has opened its session, `meanwhile` is sent and answered. */
  const late = async (path: string, cookie: string) => {
    const open = made.engine.open.bind(made.engine)
    made.engine.open = async (value) => {
      const opened = await open(value)
      made.engine.open = open
      during = (await made.get(meanwhile, cookie)).cookie
      return opened
    }
    return { ...(await made.get(path, cookie)), during }
  }
  return { ...made, late }
}

test('what another request adds to a kept slice during the sign-out is kept', async (t) => {
  const { get, late } = await site(t, '/word?theirs', {
    '/mine-out': async (_ctx, session) => {
      const opened = await session()
      opened.update(words, (now) => [...now, 'mine'])
      await signOut(opened)
    },
  })
  for (const [path, kept] of [
    ['/out', 'first,theirs'],
    ['/mine-out', 'first,theirs,mine'],
  ] as const) {
    const { cookie } = await get('/in', (await get('/word?first')).cookie)
    const out = await late(path, cookie)
    t.is(out.status, 200)
    t.is((await get('/words', out.cookie)).text, kept)
    t.is((await get('/words', cookie)).text, '')
  }
})

test('a change during the sign-out that does not fit what another request has stored leaves that as it is', async (t) => {
  const { get, late } = await site(t, `/word?${'x'.repeat(60)}`, {
    '/mine-out': async (_ctx, session) => {
      const opened = await session()
      opened.update(words, (now) => [...now, 'y'.repeat(60)])
      await signOut(opened)
    },
  })
  const { cookie } = await get('/in', (await get('/word?first')).cookie)
  const out = await late('/mine-out', cookie)
  t.is(out.status, 200)
  t.is((await get('/words', out.cookie)).text, `first,${'x'.repeat(60)}`)
})

test('a sign-out with a key that was changed meanwhile ends the session and returns no newer data', async (t) => {
  const { get, late } = await site(t, '/rotate')
  const { cookie } = await get('/in', (await get('/word?first')).cookie)
  const out = await late('/out', cookie)
  t.is((await get('/words', out.cookie)).text, 'first')
  t.is((await get('/who', out.during)).text, 'null')
})

test('an anonymous request that ends its session after a sign-in does not clear the cookie', async (t) => {
  const { get, late } = await site(t, '/in')
  for (const path of ['/end', '/out']) {
    const { cookie } = await get('/word?first')
    const ended = await late(path, cookie)
    t.deepEqual([ended.status, ended.setCookie], [200, ''], path)
    t.is((await get('/who', ended.during)).text, '7')
    t.is((await get('/words', ended.during)).text, 'first')
    t.is((await get('/words', cookie)).text, '', 'the old key opens nothing any more')
  }
})

test('after such an end nothing replaces the newer session, except a sign-in', async (t) => {
  const { get, late } = await site(t, '/in', {
    '/end-and-change': async (_ctx, session) => {
      const opened = await session()
      await opened.flush()
      opened.set('word', 'lost')
    },
    '/end-and-in': async (_ctx, session) => {
      const opened = await session()
      await opened.flush()
      await signIn(opened, '8')
    },
  })
  const first = await late('/end-and-change', (await get('/word?first')).cookie)
  t.deepEqual([first.status, first.setCookie], [409, ''])
  t.is((await get('/who', first.during)).text, '7')
  const second = await late('/end-and-in', (await get('/word?first')).cookie)
  t.is((await get('/who', second.cookie)).text, '8')
  t.is((await get('/who', second.during)).text, '7')
})

test('an ordinary end clears the cookie, and so does one that finds the session ended', async (t) => {
  const { get, late } = await site(t, '/end')
  const { cookie } = await get('/begin')
  const late1 = await late('/end', cookie)
  t.regex(late1.setCookie, /^sid=;/)
  t.regex((await get('/end', (await get('/begin')).cookie)).setCookie, /^sid=;/)
})

test('a sign-in gives up if the key keeps changing', async (t) => {
  const store = new MemoryStore({ now: () => START })
  const [bench, rival] = [testEngine({ store }), testEngine({ store })]
  let cookie = await begun(bench)
  const { session, commit } = await open(bench, cookie)
  await signIn(session, '7')
  let competing = 0
  // The change of key finds that another request has put a forward there.
  const save = store.save.bind(store)
  let busy = false
  store.save = async (key, version, record) => {
    if (!busy && competing < 300) {
      busy = true
      competing++
      const other = await open(rival, cookie)
      const moved = await other.commit('cycle')
      if (moved.outcome === 'saved') cookie = moved.cookie ?? cookie
      busy = false
    }
    return await save(key, version, record)
  }
  await t.throwsAsync(commit('cycle'), { instanceOf: SessionContendedError })
  t.true(competing < 300)
})
