import test from 'ava'
import type { SessionEvent } from '../../src/session/core/events.ts'
import { StoreUnavailableError } from '../../src/session/index.ts'
import { limitNewSessions, makeRoomFor, TooManySessionsError } from '../../src/web/session-limits.ts'
import type { TestApp, TestBrowser } from '../support/app.ts'
import { appWithNotes, isSignedIn, NOTES, signIn } from '../support/notes-steps.ts'

const records = async (app: TestApp) =>
  Number((await app.services.sessionKnex('sessions').count({ count: '*' }))[0]?.['count'])

function watched(app: TestApp): SessionEvent[] {
  const events: SessionEvent[] = []
  app.services.addObserver((event) => void (event.type === 'session-limit' && events.push(event)))
  return events
}

/** A note of a stranger with this address. */
const begin = (app: TestApp, address: string, accept = 'application/json') =>
  app.browser().post(NOTES, { name: 'milk' }, { 'x-forwarded-for': address, accept })

test('new sessions of strangers per address and minute: a warning, then 429, and nothing is stored', async (t) => {
  const app = await appWithNotes(t, { SESSION_MAX_NEW_PER_MINUTE: '5', TRUSTED_PROXIES: '1' })
  const events = watched(app)
  const first = app.browser()
  const forwarded = { 'x-forwarded-for': '192.0.2.1' }
  t.is((await first.post(NOTES, { name: 'milk' }, forwarded)).status, 303)
  const statuses = []
  // The minute of the clock may change in between: then the count starts again.
  for (let n = 0; n < 30 && statuses.at(-1) !== 429; n++) statuses.push((await begin(app, '192.0.2.1')).status)
  t.true(statuses.length >= 5, `${statuses}`)
  const before = await records(app)
  const refused = await begin(app, '192.0.2.1', 'text/html')
  t.is(refused.status, 429)
  t.regex(refused.text, /Too many new visits come from your network/)
  t.regex(refused.headers.get('retry-after') ?? '', /^([1-9]|[1-5]\d|60)$/)
  t.deepEqual(refused.headers.getSetCookie(), [])
  t.is(await records(app), before)
  t.deepEqual(events.slice(-2), [
    { type: 'session-limit', of: 'address', state: 'nearly', limit: 5 },
    { type: 'session-limit', of: 'address', state: 'exceeded', limit: 5 },
  ])

  t.is((await begin(app, '192.0.2.2')).status, 200, 'other addresses are not concerned')
  t.is((await app.browser().get(NOTES, forwarded)).status, 200, 'nor is reading')
  t.is((await first.post(NOTES, { name: 'tea' }, forwarded)).status, 303, 'nor who has a session')
  const user = app.browser()
  t.is((await user.post('/notes/sign-in', { username: 'ada' }, forwarded)).status, 303)
  t.true(await isSignedIn(user), 'nor a sign-in')
})

test('new sessions are counted per address, whichever port a proxy forwards with it', async (t) => {
  const app = await appWithNotes(t, { SESSION_MAX_NEW_PER_MINUTE: '5', TRUSTED_PROXIES: '1' })
  const statuses = []
  for (let n = 0; n < 30 && statuses.at(-1) !== 429; n++) statuses.push((await begin(app, `192.0.2.1:${n}`)).status)
  t.is(statuses.at(-1), 429, `${statuses}`)
  t.is((await begin(app, '192.0.2.2:1024')).status, 200)
})

function limitOf(limit: number, inCookies: 'none' | 'all' = 'none') {
  const clock = { now: 0 }
  const services = { config: { session: { maxNewPerMinute: limit } }, facts: { inCookies }, observe: () => {} } as never
  const check = limitNewSessions(services, () => clock.now)
  const accepts = (ipAddress: string | null, userId: string | null = null) => {
    try {
      check?.({ client: { ipAddress, userAgent: null }, userId })
      return true
    } catch (error) {
      if (error instanceof TooManySessionsError) return false
      throw error
    }
  }
  return { check, accepts, clock }
}

test('an IPv6 network of 64 bits is one address, also in other spellings; IPv4 in IPv6 is the IPv4 address', (t) => {
  const { accepts, clock } = limitOf(2)
  t.deepEqual(
    ['2001:db8::1', '2001:db8:0:0:1::1', '2001:0DB8::2'].map((one) => accepts(one)),
    [true, true, false],
  )
  t.true(accepts('2001:db8:0:1::1'))
  t.deepEqual(
    ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'].map((one) => accepts(one)),
    [true, true, false],
  )
  clock.now = 59_999
  t.false(accepts('192.0.2.1'))
  clock.now = 60_000
  t.true(accepts('192.0.2.1'), 'the next minute')
})

test('not limited: sign-ins, this machine, jobs without a client, and sessions that are only in cookies', (t) => {
  const { accepts } = limitOf(1)
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', null]) {
    t.deepEqual([accepts(address), accepts(address)], [true, true], String(address))
  }
  t.deepEqual(
    [1, 2].map(() => accepts('192.0.2.1', '7')),
    [true, true],
  )
  t.is(limitOf(0).check, undefined)
  t.is(limitOf(1, 'all').check, undefined)
})

/** Signs in on a new device that was last used so many minutes ago. */
async function device(app: TestApp, username: string, minutes = 0): Promise<TestBrowser> {
  const browser = app.browser()
  await signIn(browser, username)
  const opened = await app.services.engine.open((await browser.cookie()).split('=')[1] ?? '')
  const last_activity = Date.now() - minutes * 60_000
  if (opened.live)
    await app.services.sessionKnex('sessions').where({ session_id: opened.loaded.id }).update({ last_activity })
  return browser
}

test('sessions of a user: a sign-in above the limit ends those that were not used for longest (ASVS 7.1.2)', async (t) => {
  const app = await appWithNotes(t, { SESSION_MAX_PER_USER: '3' })
  const events = watched(app)
  const grace = await device(app, 'grace', 500)
  const ada = [await device(app, 'ada', 10), await device(app, 'ada', 30), await device(app, 'ada', 20)]
  t.deepEqual(events, [{ type: 'session-limit', of: 'user', state: 'nearly', limit: 3 }])
  const alive = () => Promise.all([grace, ...ada].map(isSignedIn))
  if (ada[2]) await signIn(ada[2], 'ada')
  t.deepEqual(await alive(), [true, true, true, true], 'again on one of these devices')

  ada.push(await device(app, 'ada', 1))
  t.deepEqual(await alive(), [true, true, false, true, true])
  t.deepEqual(events.at(-1), { type: 'session-limit', of: 'user', state: 'exceeded', limit: 3 })
})

test('a sign-in above the limit that cannot be saved ends nothing, and one that can is saved once', async (t) => {
  const app = await appWithNotes(t, { SESSION_MAX_PER_USER: '1' })
  const before = app.browser()
  await signIn(before, 'ada')
  const { engine } = app.services
  const { commit } = engine
  engine.commit = async () => {
    throw new StoreUnavailableError('down for this test')
  }
  t.is((await signIn(app.browser(), 'ada')).status, 503)
  let commits = 0
  engine.commit = async (...args) => {
    commits++
    return await commit.apply(engine, args)
  }
  t.true(await isSignedIn(before))
  const after = app.browser()
  t.is((await signIn(after, 'ada')).status, 200)
  t.is(commits, 1)
  t.deepEqual([await isSignedIn(before), await isSignedIn(after)], [false, true])
})

test('sessions of a user after the limit was lowered, and without a limit', async (t) => {
  const app = await appWithNotes(t, { SESSION_MAX_PER_USER: '0' })
  const { services } = app
  for (let minutes = 0; minutes < 30; minutes++) await device(app, 'ada', minutes)
  const users = await services.users.byUsername('ada')
  const listed = async () => (await services.engine.listUser(users?.id ?? '')).listed
  t.is((await listed()).length, 30)
  const config = { ...services.config, session: { ...services.config.session, maxPerUser: 3 } }
  await makeRoomFor({ ...services, config }, users?.id ?? '', null, async () => {})
  t.is((await listed()).length, 10, 'at most 20 at once, so that a sign-in stays quick')
  await makeRoomFor({ ...services, config }, users?.id ?? '', null, async () => {})
  const left = await listed()
  t.is(left.length, 2, 'room for one more')
  t.true(left.every(({ lastActivity }) => lastActivity > Date.now() - 150_000))
})
