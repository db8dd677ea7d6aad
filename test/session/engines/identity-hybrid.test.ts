import test from 'ava'
import { Browser, hybridSite, KEY, readAs, sharedState } from './hybrid-site.ts'

const RECORDED = {
  'in the record': ['/in', '/add', '/fill?2000'],
  'in both': ['/in', '/add', '/fill?2000', '/fill?10'],
  'of nobody': ['/add', '/fill?2000'],
}

for (const [state, path] of Object.entries(RECORDED)) {
  test(`after a change of key the old cookie reads, changes and sets none: ${state}`, async (t) => {
    const shared = sharedState()
    const [site, other] = [await hybridSite(t, shared), await hybridSite(t, shared)]
    const browser = new Browser(site)
    for (const step of path) await browser.visit(step)
    const late = new Browser(other, browser.cookie)
    const before = await browser.read()
    await browser.visit('/cycle')
    t.deepEqual(await late.read(), before)
    for (const change of ['/add', '/cycle']) {
      const answer = await late.request(change)
      t.deepEqual([answer.status, answer.setCookie], [200, ''])
    }
    t.like(await browser.read(), { n: 2 })
    t.deepEqual(await late.read(), before, 'frozen')
    t.is((await shared.store.statistics()).live, 1)
  })

  for (const by of ['old', 'new'] as const) {
    test(`a logout by the ${by} cookie ends both: ${state}`, async (t) => {
      const shared = sharedState()
      const site = await hybridSite(t, shared)
      const browser = new Browser(site)
      for (const step of path) await browser.visit(step)
      const old = browser.cookie
      await browser.visit('/cycle')
      const cookies = [old, browser.cookie]
      await new Browser(site, by === 'old' ? old : browser.cookie).visit('/end')
      for (const cookie of cookies.filter((each) => KEY.test(each ?? '') || state !== 'of nobody')) {
        t.deepEqual(await readAs(site, cookie), {})
      }
      t.is((await shared.store.statistics()).live, 0)
    })
  }
}

test('the same sign-in twice joins one session', async (t) => {
  const shared = sharedState()
  const site = await hybridSite(t, shared)
  const browser = new Browser(site)
  for (const step of ['/add', '/fill?2000']) await browser.visit(step)
  const answers = await Promise.all([browser.request('/in'), browser.request('/in')])
  t.is(new Set(answers.map(({ cookie }) => cookie)).size, 1)
  for (const answer of answers) browser.receive(answer)
  t.deepEqual(await browser.read(), { n: 1, text: 2000, _auth_user_id: 'ada' })
  t.is((await shared.store.statistics()).live, 1)
  await browser.visit('/end')
  for (const cookie of browser.earlier) t.is((await readAs(site, cookie))['_auth_user_id'], undefined)
})

test('a logout that overlaps a change of key, wherever it stops, ends it under every cookie', async (t) => {
  for (const verb of ['check', 'endSession', 'load', 'create', 'save', 'touch'] as const) {
    const shared = sharedState()
    const [site, other] = [await hybridSite(t, shared), await hybridSite(t, shared)]
    const browser = new Browser(site)
    for (const step of ['/in', '/add', '/fill?2000']) await browser.visit(step)
    const old = browser.cookie
    const steered = verb === 'check' || verb === 'endSession' ? site.revocations : site.store
    const arrived = steered.stopAt(verb)
    const changing = browser.visit('/cycle')
    const goOn = await arrived
    await new Browser(other, old).visit('/end')
    goOn()
    t.true([200, 409].includes((await changing).status), verb)
    for (const cookie of [old, browser.cookie]) t.deepEqual(await readAs(other, cookie), {}, verb)
    t.is((await shared.store.statistics()).live, 0, verb)
  }
})
