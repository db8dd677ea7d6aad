import test from 'ava'
import { signIn } from '../../../src/session/sign-in.ts'
import { deferred } from '../../support/handlers.ts'
import { Browser, hybridSite, KEY, noise, QUIET, readAs, sharedState } from './hybrid-site.ts'

// Where a session can be, and how it comes there.
const STATES = {
  'in the cookie': ['/in', '/add'],
  'in the record': ['/in', '/add', '/fill?2000'],
  'in both': ['/in', '/add', '/fill?2000', '/fill?10'],
  'back in the cookie': ['/in', '/add', '/fill?2000', '/fill?10', '/later', '/add'],
  'in the record again': ['/in', '/fill?2000', '/fill?10', '/later', '/add', '/fill?2000'],
  'signed in with a record': ['/add', '/fill?2000', '/in'],
  'signed in from both': ['/add', '/fill?2000', '/fill?10', '/in'],
  'grown by the sign-in': [
    '/fill?800',
    '/in?somebody-with-a-long-name-that-makes-it-too-large-for-its-cookie',
    '/fill?2000',
  ],
}

async function arrive(browser: Browser, path: readonly string[], clock: { now: number }): Promise<void> {
  for (const step of path) {
    if (step === '/later') clock.now += QUIET
    else await browser.visit(step)
  }
}

for (const [state, path] of Object.entries(STATES)) {
  for (const way of ['/out', '/end', '/in?grace']) {
    test(`after a logout no cookie that this session has ever had opens it: ${state}, ${way}`, async (t) => {
      const shared = sharedState()
      const [site, other] = [await hybridSite(t, shared), await hybridSite(t, shared)]
      const browser = new Browser(site)
      await arrive(browser, path, shared.clock)
      t.truthy((await browser.read())['_auth_user_id'])
      const earlier = [...browser.earlier]
      t.is((await browser.visit(way)).status, 200)
      for (const cookie of earlier) {
        for (const each of [site, other]) t.is((await readAs(each, cookie))['_auth_user_id'], undefined, cookie)
      }
      if (way === '/in?grace') t.deepEqual(await browser.read(), { _auth_user_id: 'grace' })
      else t.is((await shared.store.statistics()).authenticated, 0)
    })
  }

  test(`a logout by a copy of any earlier signed-in cookie ends the session where it is now: ${state}`, async (t) => {
    const probe = new Browser(await hybridSite(t))
    await arrive(probe, path, { now: 0 })
    for (let index = 0; index < probe.earlier.length; index++) {
      const shared = sharedState()
      const site = await hybridSite(t, shared)
      const browser = new Browser(site)
      await arrive(browser, path, shared.clock)
      const copy = new Browser(site, browser.earlier[index])
      const signedIn = (await copy.read())['_auth_user_id'] !== undefined
      await copy.visit('/end')
      t.is((await browser.read())['_auth_user_id'] === undefined, signedIn)
    }
  })

  test(`all sessions of a user end at once, and only theirs: ${state}`, async (t) => {
    const shared = sharedState()
    const site = await hybridSite(t, shared)
    const [browser, stranger] = [new Browser(site), new Browser(site)]
    await arrive(browser, path, shared.clock)
    await stranger.visit('/in?stranger')
    await stranger.visit('/fill?2000')
    const user = String((await browser.read())['_auth_user_id'])
    await site.engine.endUser(user)
    for (const cookie of browser.earlier) t.is((await readAs(site, cookie))['_auth_user_id'], undefined)
    t.like(await stranger.read(), { _auth_user_id: 'stranger' })
    // And they may come back.
    await browser.visit(`/in?${user}`)
    t.is((await browser.read())['_auth_user_id'], user)
  })
}

test('a change of key that overlaps the end of all sessions, wherever it stops, leaves no session signed in', async (t) => {
  for (const ended of [0, 1, 2, 3, 4]) {
    const shared = sharedState()
    const { revocations } = shared
    const site = await hybridSite(t, shared)
    const browser = new Browser(site)
    for (const path of ['/in', '/fill?2000']) await browser.visit(path)
    const check = revocations.check.bind(revocations)
    let asked = 0
    revocations.check = async (userId, sessionId) => {
      if (asked++ === ended) await revocations.endUser('ada', shared.now() + 1e12)
      return await check(userId, sessionId)
    }
    await browser.visit('/cycle')
    if (asked <= ended) await site.engine.endUser('ada')
    t.is((await browser.read())['_auth_user_id'], undefined, `after ${ended} questions`)
  }
})

test('the kept session stays valid, also when it moves back to the cookie', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  const [kept, ended] = [new Browser(site), new Browser(site)]
  for (const path of ['/in', '/fill?2000', '/add']) {
    await kept.visit(path)
    await ended.visit(path)
  }
  shared.clock.now += 1
  const opened = await site.engine.open(kept.cookie?.slice('sid='.length) ?? '')
  await site.engine.endUser('ada', opened.live ? opened.loaded.id : null)
  t.deepEqual(await ended.read(), {})
  t.like(await kept.read(), { _auth_user_id: 'ada', n: 1, text: 2000 })
  await kept.visit('/fill?10')
  shared.clock.now += QUIET
  await kept.visit('/add')
  t.notRegex(kept.cookie ?? '', KEY)
  t.like(await kept.read(), { _auth_user_id: 'ada', n: 2, text: 10 })
})

test('a session that changes while the others are ended is kept', async (t) => {
  const shared = sharedState()
  let endOthers = async (_id: string | null) => {}
  const site = await hybridSite(t, shared, {
    '/password': async (_ctx, session) => {
      const own = await session()
      own.set('changed', true)
      await endOthers(own.id)
    },
    '/password-and-key': async (_ctx, session) => {
      const own = await session()
      await endOthers(own.id)
      await own.cycleKey({ restartClock: true })
    },
  })
  endOthers = async (id) => {
    shared.clock.now += 1
    await site.engine.endUser('ada', id)
  }
  for (const [state, page] of [
    [['/in', '/fill?2000'], '/password'],
    [['/in', '/fill?2000', '/fill?10'], '/password'],
    [['/in', '/fill?10'], '/password'],
    [['/in', '/fill?2000'], '/password-and-key'],
    [['/in', '/fill?10'], '/password-and-key'],
  ] as const) {
    const [browser, other] = [new Browser(site), new Browser(site)]
    for (const path of state) {
      await browser.visit(path)
      await other.visit(path)
    }
    t.is((await browser.visit(page)).status, 200)
    t.like(await browser.read(), { _auth_user_id: 'ada', ...(page === '/password' ? { changed: true } : {}) })
    t.deepEqual(await other.read(), {})
  }
})

test('signed in, a change of key ends every earlier copy within a minute, whatever the source and the target', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared, {
    '/cycle-and-grow': async (_ctx, session) => {
      await (await session()).cycleKey()
      ;(await session()).set('text', noise(2000))
    },
    '/cycle-and-shrink': async (_ctx, session) => {
      await (await session()).cycleKey()
      ;(await session()).set('text', noise(10))
    },
  })
  for (const path of [['/in', '/add'], STATES['in the record'], STATES['in both'], STATES['in the record again']]) {
    for (const change of ['/cycle', '/cycle-and-grow', '/cycle-and-shrink', '/in']) {
      const browser = new Browser(site)
      await arrive(browser, path, { now: 0 })
      const earlier = [...browser.earlier]
      t.is((await browser.visit(change)).status, 200)
      t.like(await browser.read(), { _auth_user_id: 'ada' })
      shared.clock.now += QUIET
      for (const cookie of earlier) t.deepEqual(await readAs(site, cookie), {}, change)
    }
  }
})

test('a change of key that comes after a logout by a copy is refused', async (t) => {
  const opened = deferred()
  const ended = deferred()
  const site = await hybridSite(t, sharedState(), {
    '/cycle-slowly': async (_ctx, session) => {
      await (await session()).cycleKey()
      opened.resolve()
      await ended.promise
    },
  })
  const browser = new Browser(site)
  for (const path of ['/in', '/fill?2000']) await browser.visit(path)
  const [copy = ''] = browser.earlier
  const answer = browser.visit('/cycle-slowly')
  await opened.promise
  await new Browser(site, copy).visit('/end')
  ended.resolve()
  t.is((await answer).status, 409)
  for (const cookie of browser.earlier) t.deepEqual(await readAs(site, cookie), {})
})

test('a sign-in with a copy of an ended session starts a new one with none of its data', async (t) => {
  const shared = sharedState()
  const opened = deferred()
  const ended = deferred()
  const site = await hybridSite(t, shared, {
    '/in-slowly': async (_ctx, session) => {
      const own = await session()
      own.get('n')
      opened.resolve()
      await ended.promise
      own.set('mine', noise(2000))
      await signIn(own, 'ada')
    },
  })
  const browser = new Browser(site)
  for (const path of ['/in', '/add']) await browser.visit(path)
  const slow = new Browser(site, browser.cookie)
  const answer = slow.visit('/in-slowly')
  await opened.promise
  await browser.visit('/end')
  ended.resolve()
  t.is((await answer).status, 200)
  t.deepEqual(Object.keys(await slow.read()).sort(), ['_auth_user_id', 'mine'])
})

test('200 logouts against changes that grow, shrink and move: none is undone', async (t) => {
  const shared = sharedState()
  const [ending, writing] = [await hybridSite(t, shared), await hybridSite(t, shared)]
  const states = Object.values(STATES)
  const changes = ['/add', '/fill?2000', '/fill?10', '/cycle']
  for (let round = 0; round < 200; round++) {
    const browser = new Browser(ending)
    await arrive(browser, states[round % states.length] ?? [], shared.clock)
    const slow = new Browser(writing, browser.cookie)
    const [, late] = await Promise.all([
      browser.request('/end'),
      slow.visit(changes[Math.floor(round / states.length) % changes.length] ?? ''),
    ])
    t.true([200, 409].includes(late.status))
    for (const cookie of [...browser.earlier, ...slow.earlier]) {
      const opened = await ending.engine.open(cookie.slice('sid='.length))
      t.is(opened.live ? opened.loaded.data['_auth_user_id'] : undefined, undefined)
    }
  }
})

test('a logout that fails half-way has not ended the session for only one browser', async (t) => {
  for (const part of ['store', 'revocations'] as const) {
    const site = await hybridSite(t)
    const browser = new Browser(site)
    for (const path of ['/in', '/add', '/fill?2000']) await browser.visit(path)
    const arrived = site[part].stopAt(part === 'store' ? 'delete' : 'endSession')
    const answer = browser.request('/end')
    const goOn = await arrived
    site[part].out = true
    goOn()
    t.is((await answer).status, 503)
    site[part].out = false
    // Either all of it is still there, or none.
    const lives = await Promise.all(browser.earlier.map(async (cookie) => await readAs(site, cookie)))
    t.is(new Set(lives.map((data) => data['_auth_user_id'])).size, 1)
    await browser.visit('/end')
    for (const cookie of browser.earlier) t.deepEqual(await readAs(site, cookie), {})
  }
})

test('cookies and records of signed-in users need the revocations: while these are down, requests are neither signed in nor signed out', async (t) => {
  const site = await hybridSite(t)
  for (const path of [['/in'], ['/in', '/fill?2000']]) {
    const browser = new Browser(site)
    for (const step of path) await browser.visit(step)
    site.revocations.out = true
    t.is((await browser.visit('/read')).status, 503)
    site.revocations.out = false
    t.like(await browser.read(), { _auth_user_id: 'ada' })
  }
})

test('expected: a copy of an anonymous session in a cookie stays valid after its end; a record does not', async (t) => {
  const site = await hybridSite(t)
  const [small, large] = [new Browser(site), new Browser(site)]
  await small.visit('/add')
  await large.visit('/fill?2000')
  for (const browser of [small, large]) await browser.visit('/end')
  t.deepEqual(await readAs(site, small.earlier[0]), { n: 1 })
  t.deepEqual(await readAs(site, large.earlier[0]), {})
})

test('a revoked cookie is reported', async (t) => {
  const site = await hybridSite(t)
  const browser = new Browser(site)
  for (const path of ['/in', '/add', '/end']) await browser.visit(path)
  await readAs(site, browser.earlier[0])
  t.deepEqual(site.events, ['revoked'])
})
