import test, { type ExecutionContext } from 'ava'
import { hasStatistics } from '../../../src/session/stores/store.ts'
import { LOCAL } from '../../storage/set-ups.ts'
import { startApp } from '../../support/app.ts'
import notes from '../../support/notes.ts'
import { note, notesOf, signIn } from '../../support/notes-steps.ts'
import { demonstration, holdSaves, statuses } from './steps.ts'

async function site(t: ExecutionContext, env: Record<string, string> = {}) {
  const app = await startApp(env, undefined, [notes])
  t.teardown(() => app.close())
  return app
}

// One after the other: each starts an application.
for (const { name, env } of LOCAL) {
  test.serial(`${name}: what is acknowledged is kept, within the limits that the page names`, async (t) => {
    const app = await site(t, env)
    const browser = app.browser()
    const { bothGuarantees, limits } = (await browser.json('GET', '/guarantees')).json<{
      bothGuarantees: boolean
      limits: string[]
    }>()
    t.is(bothGuarantees, app.services.facts.inCookies === 'none')
    t.true(limits.length > 0)
    const demo = demonstration(browser)
    t.is((await demo.begin()).status, 200)
    const added = await Promise.all(Array.from({ length: 20 }, (_, item) => demo.add(item)))
    const { items } = await demo.state()
    t.deepEqual(
      statuses(added),
      added.map(() => 200),
    )
    if (bothGuarantees) {
      t.deepEqual(
        items.toSorted((a, b) => a - b),
        added.map((_, item) => item),
      )
    } else t.true(items.length < added.length, 'the cookie that arrives last wins')

    t.is((await demo.begin()).status, 200)
    await demo.signIn()
    t.true((await demo.state()).signedIn)
    let saves = holdSaves(app.services.engine)
    const saving = demo.add(0)
    await saves.areHeld(1, [saving])
    t.is((await demo.signOut()).status, 200)
    saves.release()
    t.is((await saving).status, 409, 'a slow save does not bring the session back')
    t.false((await demo.state()).signedIn)

    t.is((await demo.begin()).status, 200)
    saves = holdSaves(app.services.engine)
    const adding = [0, 1, 2, 3].map((item) => demo.add(item))
    await saves.areHeld(4, adding)
    t.deepEqual(statuses(await Promise.all([demo.signIn(), demo.signIn()])), [200, 200])
    saves.release()
    const late = await Promise.all(adding)
    // A late answer may bring its older cookie.
    if (app.services.facts.inCookies !== 'none') return
    const after = await demo.state()
    // Django's format has no forward from the old key to the new one: it refuses what comes late.
    t.true(
      statuses(late).every((status) => status === 200 || status === 409),
      String(statuses(late)),
    )
    const acknowledged = late.flatMap(({ status }, item) => (status === 200 ? [item] : []))
    t.deepEqual([after.items.toSorted(), after.signedIn], [acknowledged, true])
    t.true(after.sessions === 1 || after.sessions === null)
    for (let end = 0; end < 2; end++) t.is((await demo.end()).status, 200, 'also if there is none')
    t.deepEqual(await demo.state(), { items: [], signedIn: false, sessions: 0 })
    const { store } = app.services
    // In Django's format the second of two sign-ins may have left a session behind, which expires.
    const left = env['SESSION_FORMAT'] === 'django' ? 1 : 0
    if (store !== undefined && hasStatistics(store)) t.true((await store.statistics()).live <= left)
  })
}

test.serial("the visitor's own session stays as it is", async (t) => {
  const app = await site(t)
  const browser = app.browser()
  await signIn(browser, 'grace')
  await note(browser, 'tea', 2)
  const cookie = await browser.cookie()
  const demo = demonstration(browser)
  for (const act of [demo.begin, demo.signIn, () => demo.add(1), demo.signOut, demo.begin, demo.end]) {
    const answer = await act()
    t.is(answer.status, 200)
    const sent = answer.headers.getSetCookie()
    t.true(
      sent.every((line) => /^guarantees=.*; Path=\/guarantees[;$]/.test(line)),
      sent.join(),
    )
  }
  t.is(await browser.cookie(), cookie)
  t.deepEqual(await notesOf(browser), { tea: 2 })
  t.is((await browser.get('/notes/user')).status, 200)
  t.regex((await browser.get('/guarantees')).text, /Signed in as grace/)
})

test.serial("a session that is no demonstration's is refused, and stays as it is", async (t) => {
  const app = await site(t)
  const browser = app.browser()
  await signIn(browser, 'grace')
  const cookie = (await browser.cookie()).replace(/^[^=]+/, 'guarantees')
  for (const action of ['begin', 'add', 'sign-in', 'sign-out']) {
    const body = { method: 'POST', body: JSON.stringify({ begin: true, item: 1 }) }
    const headers = { cookie, 'content-type': 'application/json', accept: 'application/json' }
    t.is((await fetch(`${app.origin}/guarantees/engine/${action}`, { ...body, headers })).status, 409, action)
  }
  t.is((await browser.get('/notes/user')).status, 200)
})

test.serial('what a visitor may do is bounded: additions, their numbers, and runs', async (t) => {
  const app = await site(t)
  const demo = demonstration(app.browser())
  const early = await demo.add(1)
  t.deepEqual([early.status, early.headers.getSetCookie()], [409, []])
  await demo.begin()
  t.is((await demo.add(1000)).status, 422)
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, (_, item) => demo.add(round * 20 + item)))
  }
  t.is((await demo.add(999)).status, 422)
  t.is((await demo.state()).items.length, 200)
  let last = await demo.begin()
  for (let run = 0; run < 200 && last.status === 200; run++) last = await demo.begin()
  t.is(last.status, 429)
  t.regex(last.headers.get('retry-after') ?? '', /^\d+$/)
  let signIn = await demo.signIn()
  for (let run = 0; run < 300 && signIn.status === 200; run++) signIn = await demo.signIn()
  t.is(signIn.status, 429)
})

for (const { name, env } of LOCAL.filter(({ env }) => env['SESSION_ENGINE'] === 'db')) {
  test.serial(
    `${name}: no demonstration outlives its five minutes, and none is listed before one has begun`,
    async (t) => {
      const app = await site(t, env)
      const { engine } = app.services
      const listed: string[] = []
      const [commit, listUser] = [engine.commit.bind(engine), engine.listUser.bind(engine)]
      const expiries: number[] = []
      engine.commit = async (one) => {
        const committed = await commit(one)
        if (committed.outcome === 'saved') expiries.push(committed.loaded.expires)
        return committed
      }
      engine.listUser = async (userId, currentId) => {
        listed.push(userId)
        return await listUser(userId, currentId)
      }
      const demo = demonstration(app.browser())
      await demo.state()
      t.deepEqual(listed, [])
      await demo.begin()
      await Promise.all([demo.signIn(), demo.signIn()])
      t.true(expiries.length > 1)
      t.true(expiries.every((at) => at <= Date.now() + 300_000))
    },
  )
}

test.serial(
  'koa-session is there in development only; it loses additions, and brings an ended session back',
  async (t) => {
    for (const env of [{}, { NODE_ENV: 'production', SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough' }]) {
      const browser = (await site(t, env)).browser()
      t.is((await demonstration(browser, 'koa-session').begin()).status, 404)
      const page = await browser.get('/guarantees', { 'x-forwarded-proto': 'https' })
      t.regex(page.text, /data-sides="engine"[\s\S]*In production that package is not installed/)
    }
    const browser = (await site(t, { NODE_ENV: 'development' })).browser()
    t.regex((await browser.get('/guarantees')).text, /data-sides="engine koa-session"/)
    const demo = demonstration(browser, 'koa-session')
    await demo.begin()
    const added = await Promise.all(Array.from({ length: 20 }, (_, item) => demo.add(item)))
    t.deepEqual(
      statuses(added),
      added.map(() => 200),
    )
    t.true((await demo.state()).items.length < 20)
    await demo.begin()
    await demo.signIn()
    // Of a few tries one overlaps, on a busy machine as well.
    let cameBack = false
    for (let round = 0; round < 5 && !cameBack; round++) {
      const [saved, signedOut] = await Promise.all([demo.add(0, true), demo.signOut()])
      cameBack = saved.status === 200 && signedOut.status === 200 && (await demo.state()).signedIn
      await demo.begin()
      await demo.signIn()
    }
    t.true(cameBack)
  },
)
