import test from 'ava'
import { emptyData } from '../../../src/session/core/data.ts'
import { Operations } from '../../../src/session/core/operations.ts'
import { hybridMigration } from '../../../src/session/engines/migrating/hybrid-migration.ts'
import { START } from '../../support/engine.ts'
import { Browser, hybridSite, KEY, LIMIT, noise, QUIET, readAs, sharedState } from './hybrid-site.ts'

const records = async ({ store }: ReturnType<typeof sharedState>) => (await store.statistics()).total

test('a small session does not use the store; a large one is a record, with only a key in the cookie', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  const browser = new Browser(site)
  await browser.visit('/add')
  t.notRegex(browser.cookie ?? '', KEY)
  t.deepEqual(await browser.read(), { n: 1 })
  t.deepEqual(site.store.calls, [])
  await browser.visit('/fill?2000')
  t.regex(browser.cookie ?? '', KEY)
  t.deepEqual(await browser.read(), { n: 1, text: 2000 })
  await browser.visit('/add')
  t.deepEqual(await browser.read(), { n: 2, text: 2000 })
  t.is(await records(shared), 1)
})

test('a session that shrinks is in both, then in its cookie only, and no record is left', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  const browser = new Browser(site)
  await browser.visit('/fill?2000')
  await browser.visit('/fill?10')
  t.notRegex(browser.cookie ?? '', KEY)
  t.is(await records(shared), 1)
  t.deepEqual(await browser.read(), { text: 10 })
  // A request may still be using the record ...
  await browser.visit('/add')
  t.is(await records(shared), 1)
  // ... but not for long.
  shared.clock.now += QUIET
  await browser.visit('/add')
  t.is(await records(shared), 0)
  site.store.calls.length = 0
  await browser.visit('/add')
  t.deepEqual(await browser.read(), { text: 10, n: 3 })
  t.deepEqual(site.store.calls, [])
})

test('a session only a little below the limit is not moved', async (t) => {
  const shared = sharedState()
  const browser = new Browser(await hybridSite(t, shared))
  const [under, over] = [LIMIT * 0.75, LIMIT]
  await browser.visit(`/fill?${under}`)
  t.notRegex(browser.cookie ?? '', KEY)
  for (let n = 0; n < 3; n++) {
    await browser.visit(`/fill?${over}`)
    t.regex(browser.cookie ?? '', KEY)
    await browser.visit(`/fill?${under}`)
    t.regex(browser.cookie ?? '', KEY)
  }
  t.is(await records(shared), 1)
})

test('every size across the limit is kept, and no cookie is over it', async (t) => {
  const browser = new Browser(await hybridSite(t))
  const kinds = new Set<boolean>()
  for (let size = 870; size < 930; size++) {
    browser.cookie = undefined
    t.is((await browser.visit(`/fill?${size}`)).status, 200)
    const cookie = browser.cookie ?? ''
    t.true(cookie.length <= LIMIT + 'sid='.length)
    kinds.add(KEY.test(cookie))
    t.deepEqual(await browser.read(), { text: size })
  }
  t.is(kinds.size, 2)
})

test('too large for the record too: a 413, and the session is as it was', async (t) => {
  const browser = new Browser(await hybridSite(t, sharedState({ maxBytes: 5000 })))
  await browser.visit('/add')
  t.is((await browser.visit('/fill?6000')).status, 413)
  t.deepEqual(await browser.read(), { n: 1 })
  await browser.visit('/fill?3000')
  t.is((await browser.visit('/fill?6000')).status, 413)
  t.deepEqual(await browser.read(), { n: 1, text: 3000 })
})

test('the absolute age counts from the sign-in, in cookie and record', async (t) => {
  const expiry = { cookieAge: 10_000, absoluteAge: 1000, atBrowserClose: false, touchAfter: 0.1 }
  const shared = sharedState({ expiry })
  const browser = new Browser(await hybridSite(t, shared))
  await browser.visit('/in')
  for (const path of ['/add', '/fill?2000', '/fill?10', '/add', '/fill?2000', '/cycle', '/fill?20', '/add', '/add']) {
    await browser.visit(path)
    shared.clock.now += 100_000
  }
  t.like(await browser.read(), { n: 4, text: 20 })
  shared.clock.now += 99_999
  t.like(await browser.read(), { n: 4, text: 20 })
  // At exactly its age a cookie still holds.
  shared.clock.now += 2
  t.deepEqual(await browser.read(), {})
})

test('reading keeps it alive in every state', async (t) => {
  const expiry = { cookieAge: 1000, atBrowserClose: false, touchAfter: 0.1 }
  const shared = sharedState({ expiry })
  const browser = new Browser(await hybridSite(t, shared))
  for (const path of ['/fill?10', '/fill?2000', '/fill?20']) {
    await browser.visit(path)
    const before = await browser.read()
    for (let n = 0; n < 5; n++) {
      shared.clock.now += 900_000
      await browser.visit('/read')
    }
    t.deepEqual(await browser.read(), before, path)
  }
  shared.clock.now += 1_000_001
  t.deepEqual(await browser.read(), {})
})

test('a change of key moves the data, and the old key ends a minute later, in every state', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  for (const state of [
    ['/add', '/fill?2000'],
    ['/add', '/fill?2000', '/fill?10'],
  ]) {
    const browser = new Browser(site)
    for (const path of state) await browser.visit(path)
    const before = await browser.read()
    const key = browser.earlier.find((cookie) => KEY.test(cookie))
    await browser.visit('/cycle')
    t.not(browser.cookie, key)
    t.deepEqual(await browser.read(), before)
    t.deepEqual(await readAs(site, key), before)
    shared.clock.now += QUIET
    t.deepEqual(await readAs(site, key), {})
  }
})

test('handlers neither see nor change the engine’s own keys', async (t) => {
  const browser = new Browser(await hybridSite(t))
  for (const path of ['/in', '/fill?10', '/fill?2000', '/fill?10', '/add']) {
    await browser.visit(path)
    t.deepEqual(
      Object.keys(await browser.read()).filter((key) => !['_auth_user_id', 'text', 'n'].includes(key)),
      [],
    )
  }
  for (const key of ['_session_record', '_session_id', '_session_epoch']) {
    for (const size of [10, 2000]) {
      await browser.visit(`/fill?${size}`)
      await browser.visit(`/set?${key}`)
      t.like(await browser.read(), { _auth_user_id: 'ada', text: size, n: 1 })
    }
  }
})

test('1,000 altered cookies of every kind are anonymous, and none is an error', async (t) => {
  const site = await hybridSite(t)
  const browser = new Browser(site)
  for (const path of ['/add', '/fill?700', '/fill?10']) await browser.visit(path)
  const cookies = browser.earlier.map((cookie) => cookie.slice('sid='.length))
  t.is(cookies.length, 3)
  let state = 1
  const draw = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  const changes: ((text: string, at: number) => string)[] = [
    (text, at) => text.slice(0, at),
    (text, at) => text.slice(at + 1),
    (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1),
    (text, at) => `${text.slice(0, at)}%${text.slice(at)}`,
    (text, at) => text + text.slice(at),
  ]
  for (let n = 0; n < 1000; n++) {
    const text = cookies[n % cookies.length] ?? ''
    const altered = changes[draw(changes.length)]?.(text, draw(text.length)) ?? ''
    const opened = await site.engine.open(altered)
    if (altered !== text) t.false(opened.live, altered)
  }
})

test('a session keeps its data when it moves between cookie and record', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  const sizes = [10, 400, 740, 900, 1100, 2500]
  let state = 7
  const draw = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  for (let walk = 0; walk < 10; walk++) {
    const browser = new Browser(site)
    const expected: { n?: number; text?: number; _auth_user_id?: string } = {}
    for (let step = 0; step < 15; step++) {
      const size = sizes[draw(sizes.length)] ?? 0
      const path = ['/add', `/fill?${size}`, `/fill?${size}`, '/in', '/cycle', '/later'][draw(6)] ?? ''
      if (path === '/later') shared.clock.now += QUIET
      else t.is((await browser.visit(path)).status, 200)
      if (path === '/add') expected.n = (expected.n ?? 0) + 1
      if (path === '/in') expected._auth_user_id = 'ada'
      if (path.startsWith('/fill')) expected.text = size
      t.deepEqual(await browser.read(), expected, `walk ${walk}, step ${step}: ${path}`)
    }
    await browser.visit('/end')
  }
  // No response was lost, so no record is left over.
  t.is(await records(shared), 0)
})

test('sessions migrate to and from another engine, from cookie and record', async (t) => {
  const shared = sharedState()
  const { engine, stored } = await hybridSite(t, shared)
  const migration = hybridMigration(engine)
  const client = { ipAddress: null, userAgent: null }
  for (const length of [10, 2000]) {
    const data = Object.assign(emptyData(), { _auth_user_id: 'ada', text: noise(length) })
    const base = { write: 'save', data, changes: new Operations(), client, restartClock: false } as const
    const times = { createdAt: START - 5000, lastActivity: START, expires: 0 }
    const foreign = { id: 'public', key: 'k'.repeat(32), data, version: 9, ...times }
    const adopted = await migration.adopt({ ...base, loaded: foreign })
    if (adopted.outcome === 'ended') return t.fail()
    const opened = await engine.open(adopted.cookie ?? '')
    if (!opened.live) return t.fail()
    t.deepEqual({ ...opened.loaded.data }, { ...data })
    t.is((await stored.open(foreign.key)).live, length === 2000, 'a record keeps its key')
    if (length === 2000) t.is(opened.loaded.createdAt, foreign.createdAt)
    t.is(await migration.leave(opened.loaded), 'done')
    t.false((await engine.open(adopted.cookie ?? '')).live)
  }
  t.is(await records(shared), 0)
})
