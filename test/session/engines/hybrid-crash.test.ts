import test from 'ava'
import { deferred } from '../../support/handlers.ts'
import { Browser, hybridSite, KEY, QUIET, readAs, sharedState } from './hybrid-site.ts'

interface Step {
  readonly what: string
  /** How the session came where it is; each with a minute after it. */
  readonly path: readonly string[]
  readonly signedIn: boolean
  readonly change: string
}

const STEPS: Step[] = []
for (const signedIn of [false, true]) {
  const who = signedIn ? 'signed in' : 'anonymous'
  const from = signedIn ? ['/in', '/add'] : ['/add']
  STEPS.push(
    { what: `${who}: out of the cookie`, path: from, change: '/fill?2000', signedIn },
    { what: `${who}: changed in the record`, path: [...from, '/fill?2000'], change: '/add', signedIn },
    { what: `${who}: back into the cookie`, path: [...from, '/fill?2000'], change: '/fill?10', signedIn },
    { what: `${who}: out of both`, path: [...from, '/fill?2000', '/fill?10'], change: '/add', signedIn },
    {
      what: `${who}: from both into the record`,
      path: [...from, '/fill?2000', '/fill?10'],
      change: '/fill?2000',
      signedIn,
    },
  )
}

for (const { what, path, change } of STEPS) {
  test(`a crash at any step leaves the session before or after the change, whole: ${what}`, async (t) => {
    const prepared = async () => {
      const shared = sharedState()
      const [dying, healthy] = [await hybridSite(t, shared), await hybridSite(t, shared)]
      const browser = new Browser(healthy)
      for (const step of path) {
        await browser.visit(step)
        shared.clock.now += QUIET
      }
      return { dying, healthy, browser }
    }
    const whole = await prepared()
    const before = await whole.browser.read()
    const victim = new Browser(whole.dying, whole.browser.cookie)
    const startedAt = whole.dying.crash.calls
    t.is((await victim.visit(change)).status, 200)
    const after = await readAs(whole.healthy, victim.cookie)
    t.notDeepEqual(after, before)
    const steps = whole.dying.crash.calls - startedAt
    t.true(steps > 0)

    for (let step = 1; step <= steps; step++) {
      for (const performed of [false, true]) {
        const { dying, healthy, browser } = await prepared()
        const crashed = new Browser(dying, browser.cookie)
        dying.crash.end = { at: dying.crash.calls + step, performed }
        t.is((await crashed.visit(change)).status, 503)
        t.is(crashed.cookie, browser.cookie, 'a failed request hands out no cookie')
        const found = await browser.read()
        t.true(
          [before, after].some((one) => JSON.stringify(one) === JSON.stringify(found)),
          JSON.stringify(found),
        )
        // And it continues from there.
        t.is((await browser.visit('/add')).status, 200)
        t.deepEqual(await browser.read(), { ...found, n: Number(found['n']) + 1 })
        t.is((await browser.visit(change)).status, 200)
        if (change !== '/add') t.is((await readAs(healthy, browser.cookie))['text'], after['text'])
      }
    }
    // All is done, and the answer does not arrive.
    const { browser } = await prepared()
    await browser.request(change)
    const found = await browser.read()
    t.true(
      [before, after].some((one) => JSON.stringify(one) === JSON.stringify(found)),
      JSON.stringify(found),
    )
  })
}

test('a response overtaken by an older one loses nothing: while there is a record, it is authoritative', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  const browser = new Browser(site)
  for (const path of ['/fill?2000', '/fill?10']) await browser.visit(path)
  const [first, second] = [await browser.request('/add'), await browser.request('/add')]
  browser.receive(second)
  browser.receive(first)
  t.deepEqual(await browser.read(), { text: 10, n: 2 })
  // The cookie is behind the record, so the record stays, however quiet it is.
  shared.clock.now += QUIET
  await browser.request('/add')
  t.deepEqual(await browser.read(), { text: 10, n: 3 })
  // Now they are the same.
  await browser.visit('/add')
  shared.clock.now += QUIET
  await browser.visit('/add')
  t.deepEqual(await browser.read(), { text: 10, n: 5 })
  t.is((await shared.store.statistics()).total, 0)
})

test('a request with the key saves after the session moved back to the cookie: both changes are there', async (t) => {
  const shared = sharedState()
  const { promise, resolve } = deferred()
  const opened = deferred()
  const site = await hybridSite(t, shared, {
    '/slow': async (_ctx, session) => {
      const own = await session()
      own.update('n', (n) => Number(n ?? 0) + 1)
      opened.resolve()
      await promise
    },
  })
  const browser = new Browser(site)
  await browser.visit('/fill?2000')
  const slow = browser.request('/slow')
  await opened.promise
  await browser.visit('/fill?10')
  await browser.visit('/add')
  resolve()
  browser.receive(await slow)
  t.deepEqual(await browser.read(), { text: 10, n: 2 })
})

test('a request under way when the record is deleted is refused or keeps the record: nothing is lost silently', async (t) => {
  for (const order of ['leaves first', 'saves first']) {
    const shared = sharedState()
    const [leaving, saving] = [await hybridSite(t, shared), await hybridSite(t, shared)]
    const browser = new Browser(leaving)
    for (const path of ['/fill?2000', '/fill?10']) await browser.visit(path)
    shared.clock.now += QUIET
    const slow = new Browser(saving, browser.cookie)
    // Large, so that it is for the record.
    const saves = saving.store.stopAt('save')
    const leaves = leaving.store.stopAt('delete')
    const [left, saved] = [browser.request('/add'), slow.request('/fill?3000')]
    const [goOnSaving, goOnLeaving] = await Promise.all([saves, leaves])
    if (order === 'leaves first') {
      goOnLeaving()
      browser.receive(await left)
      goOnSaving()
      t.is((await saved).status, 409)
      t.deepEqual(await browser.read(), { text: 10, n: 1 })
    } else {
      goOnSaving()
      browser.receive(await saved)
      goOnLeaving()
      browser.receive(await left)
      t.deepEqual(await browser.read(), { text: 3000, n: 1 })
    }
  }
})

test('two overlapping requests that exceed the cookie: the last response decides, the other record expires', async (t) => {
  const shared = sharedState()
  const [one, two] = [await hybridSite(t, shared), await hybridSite(t, shared)]
  const browser = new Browser(one)
  await browser.visit('/add')
  const other = new Browser(two, browser.cookie)
  const [first, second] = await Promise.all([browser.request('/fill?2000'), other.request('/fill?3000')])
  for (const [answer, text] of [
    [first, 2000],
    [second, 3000],
  ] as const) {
    browser.receive(answer)
    t.deepEqual(await browser.read(), { n: 1, text })
  }
  t.is((await shared.store.statistics()).total, 2)
  await browser.visit('/end')
  t.is((await shared.store.statistics()).total, 1)
})

test('8 processes, 50 changes each, while the session grows and shrinks in its record: none is lost', async (t) => {
  const shared = sharedState()
  const sites = await Promise.all(Array.from({ length: 8 }, () => hybridSite(t, shared)))
  const [first] = sites
  if (first === undefined) return t.fail()
  const browser = new Browser(first)
  await browser.visit('/fill?2000')
  const { cookie } = browser
  const cookies = await Promise.all(
    sites.map(async (site, index) => {
      const own = new Browser(site, cookie)
      for (let n = 0; n < 50; n++) {
        t.is((await own.visit('/add')).status, 200)
        if (n % 5 === 0) t.is((await own.visit(`/fill?${(n + index) % 2 === 0 ? 10 : 2000}`)).status, 200)
      }
      return own.cookie
    }),
  )
  // Whichever answer came last.
  for (const last of cookies) t.like(await readAs(first, last), { n: 400 })
})

test('while the store is down: sessions in cookies work, a record is a 503 and works again afterwards', async (t) => {
  const site = await hybridSite(t)
  const [small, large] = [new Browser(site), new Browser(site)]
  await small.visit('/add')
  await large.visit('/fill?2000')
  site.store.out = site.revocations.out = true
  for (const path of ['/read', '/add', '/cycle', '/add']) t.is((await small.visit(path)).status, 200)
  t.is((await small.visit('/fill?2000')).status, 503)
  for (const path of ['/read', '/add', '/cycle', '/end']) t.is((await large.visit(path)).status, 503)
  site.store.out = site.revocations.out = false
  t.deepEqual(await small.read(), { n: 3 })
  t.deepEqual(await large.read(), { text: 2000 })
  t.regex(large.cookie ?? '', KEY)
})
