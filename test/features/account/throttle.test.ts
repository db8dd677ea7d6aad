import { existsSync } from 'node:fs'
import test from 'ava'
import { cleanUp, clearingLease } from '../../../src/cleanup.ts'
import { openDatabase } from '../../../src/database.ts'
import { FailedAttempts } from '../../../src/failed-attempts.ts'
import { featureFolder } from '../../../src/paths.ts'
import { Throttle } from '../../../src/web/throttle.ts'
import { startApp, TEST_SECRET, type TestApp } from '../../support/app.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { changePassword, signIn } from './steps.ts'
import { allowedIn, deviceCookie, guess, throttleSuite, withStatus } from './throttle-suite.ts'

throttleSuite('SQLite')

const ADA = 'ada-demo-password'
const attempts = (app: TestApp) => app.services.knex('failed_attempts')
/** As if every delay were over. */
const afterDelays = (app: TestApp) => attempts(app).update({ next_at: 0 })

async function start(t: { teardown(work: () => Promise<void>): void }, env: Record<string, string> = {}) {
  const app = await startApp({ TRUSTED_PROXIES: '1', ATTEMPTS_PER_ADDRESS: '100000', ...env })
  t.teardown(() => app.close())
  return app
}

const hasRegistration = existsSync(featureFolder('registration'))

test('failures in a row are followed by delays that double, up to a quarter of an hour, and 100 are all there are (ASVS 6.3.1)', async (t) => {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  let now = 1_000_000
  const counter = { name: 'account 1', limit: { max: 100, window: Number.POSITIVE_INFINITY, consecutive: true } }
  const failed = new FailedAttempts(knex, () => now)
  const waits: number[] = []
  for (let n = 0; n < 100; n++) {
    const refusal = await failed.refusal(counter)
    waits.push((refusal?.wait ?? 0) / 1000)
    t.deepEqual(await failed.reserve(counter), refusal, 'what is refused is not counted')
    now += refusal?.wait ?? 0
    if (refusal !== undefined) t.is(await failed.reserve(counter), undefined)
  }
  t.deepEqual(waits, [...Array(10).fill(0), 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, ...Array(80).fill(900)])
  now += 10 * 365 * 86_400_000
  t.like(await failed.reserve(counter), { spent: true })
  await failed.forget(counter.name)
  t.is(await failed.reserve(counter), undefined)
})

test('of 100 failures one does not learn which names exist; then only a known device signs in (ASVS 6.3.8)', async (t) => {
  const app = await start(t)
  const owner = app.browser()
  await signIn(owner, 'ada')
  const answers = async (username: string) => {
    const found: [number, string | null, string][] = []
    for (let n = 0; n < 13; n++) {
      const { status, headers, text } = await guess(app.browser(), username, `192.0.2.${n}`)
      found.push([status, headers.get('retry-after'), text.replaceAll(username, 'NAME')])
      // As if it had been guessed 90 times.
      if (n === 0) await attempts(app).where({ failures: 1 }).update({ failures: 90 })
      await afterDelays(app)
    }
    return found
  }
  const known = await answers('ada')
  t.deepEqual(
    known.map(([status]) => status),
    [...Array(11).fill(422), 429, 429],
  )
  t.deepEqual(await answers('nobody'), known)
  t.regex(known.at(-1)?.[2] ?? '', /Too many wrong passwords in a row.*Forgot your password/)

  t.is((await signIn(app.browser(), 'ada')).status, 429, 'an unknown device')
  t.is((await signIn(owner, 'ada')).status, 303)
  t.is((await signIn(app.browser(), 'ada')).status, 429, 'its success says nothing of the others')
  t.is((await changePassword(owner, ADA, 'a completely new one')).status, 200)
  t.is((await signIn(app.browser(), 'ada', 'a completely new one')).status, 303)
})

test('a proxy that forwards ports or brackets: each visitor still has a counter; other text is the connection', async (t) => {
  const app = await start(t, { ATTEMPTS_PER_ADDRESS: '2' })
  const statuses = async (addresses: readonly string[]) => {
    const found: number[] = []
    for (const address of addresses) found.push((await guess(app.browser(), `stranger-${address}`, address)).status)
    return found
  }
  const same = [422, 422, 429]
  t.deepEqual(await statuses(['192.0.2.1', '192.0.2.1:1024', '192.0.2.1:65535']), same)
  t.deepEqual(await statuses(['[2001:db8::1]:1024', '[2001:db8::2]', '2001:db8::3']), same)
  t.deepEqual(await statuses(['192.0.2.2:1024', '[2001:db8:0:1::1]:1024']), [422, 422], 'others')
  t.deepEqual(await statuses(['unknown', '[', '_hidden:80']), same)
  t.deepEqual(await statuses(['192.0.2.3:1024']), [422])
})

test('staff unlocks an account', async (t) => {
  const app = await start(t)
  await attempts(app).insert({ counter: 'account 1', failures: 100, next_at: 0, expires: Number.MAX_SAFE_INTEGER })
  t.is((await signIn(app.browser(), 'ada')).status, 429)
  const user = await app.services.users.byUsername('ada')
  if (user === undefined) return t.fail()
  await new Throttle(app.services).unlock(user)
  t.is((await signIn(app.browser(), 'ada')).status, 303)
})

test('a success costs nothing and starts the account again at 0', async (t) => {
  const app = await start(t, { ATTEMPTS_PER_ADDRESS: '10' })
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 3; n++) t.is((await signIn(app.browser(), 'ada', 'wrong')).status, 422)
    for (let n = 0; n < 10; n++) t.is((await signIn(app.browser(), 'ada')).status, 303)
  }
  t.deepEqual(
    (await attempts(app)).map(({ failures }) => failures),
    [9],
  )
  t.is((await signIn(app.browser(), 'ada', 'wrong')).status, 422)
  t.is((await signIn(app.browser(), 'grace')).status, 429, 'ten failures from this address')
})

test('one name is one name however it is spelled, and made-up names share a bounded number of counters', async (t) => {
  const app = await start(t)
  const spellings = ['ada', 'ADA', 'ａda', 'aｄa', 'adａ', 'ａｄａ', 'ⓐda']
  const started = performance.now()
  const guesses = await Promise.all(
    Array.from({ length: 28 }, (_, n) => signIn(app.browser(), spellings[n % 7] ?? '', 'wrong')),
  )
  t.true(withStatus(guesses, 422).length <= allowedIn(performance.now() - started))
  t.is(withStatus(guesses, 422).length + withStatus(guesses, 429).length, 28)
  await Promise.all(Array.from({ length: 50 }, (_, n) => signIn(app.browser(), `made-up-${n}`, 'wrong')))
  const counters: string[] = await attempts(app).whereLike('counter', 'unknown %').pluck('counter')
  t.true(counters.length > 40)
  t.true(counters.every((counter) => Number(counter.slice('unknown '.length)) < 2 ** 18))
})

test('the cookie of a device is signed for its users, hidden from scripts, and ends with the password', async (t) => {
  const old = 'an older secret of the tests: 0123456789'
  const app = await start(t, { SECRET_KEY: old, SESSION_COOKIE_SECURE: 'true' })
  const owner = app.browser()
  const [cookie = ''] = (await signIn(owner, 'ada')).headers
    .getSetCookie()
    .filter((line) => line.includes('known-device'))
  t.regex(
    cookie,
    /^__Host-known-device=[\w-]{22}\.[\w-]{43}; Max-Age=31536000; Expires=[^;]+; Path=\/; SameSite=Lax; Secure; HttpOnly$/,
  )
  await signIn(owner, 'grace')
  const name = new URL(app.services.config.databaseUrl).pathname
  const rotated = await start(t, {
    DATABASE_URL: `sqlite:${name}`,
    SECRET_KEY: TEST_SECRET,
    SECRET_KEY_FALLBACKS: old,
    SESSION_COOKIE_SECURE: 'true',
  })
  const locked = ['account 1', 'account 2'].map((counter) => ({ counter, failures: 100, next_at: 0, expires: 2 ** 52 }))
  await attempts(app).insert(locked)
  const tries = async (value: string, username = 'ada') => {
    const browser = rotated.browser()
    await browser.jar.setCookie(`${value}; Secure; Path=/`, browser.origin)
    return (await signIn(browser, username)).status
  }
  const both = await deviceCookie(owner)
  t.deepEqual([await tries(both), await tries(both, 'grace')], [303, 303], 'two people, and the older secret')
  const [id, ...signatures] = both.split('=')[1]?.split('.') ?? []
  for (const forged of [
    `${id}.${'A'.repeat(43)}`,
    `${'A'.repeat(22)}.${signatures.join('.')}`,
    `${id}`,
    `${id}.${signatures[0]}x`,
    '',
    '.'.repeat(4000),
  ]) {
    t.is(await tries(`__Host-known-device=${forged}`), 429, forged.slice(0, 30))
  }
  const ada = signatures.at(-1)
  t.deepEqual(
    [await tries(`__Host-known-device=${id}.${ada}`), await tries(`__Host-known-device=${id}.${ada}`, 'grace')],
    [303, 429],
  )

  const here = rotated.browser()
  await here.jar.setCookie(`${both}; Secure; Path=/`, here.origin)
  await signIn(here, 'ada')
  await changePassword(here, ADA, 'a completely new one')
  await attempts(app).insert(locked.slice(0, 1))
  const withNew = async (value: string) => {
    const browser = rotated.browser()
    await browser.jar.setCookie(`${value}; Secure; Path=/`, browser.origin)
    return (await signIn(browser, 'ada', 'a completely new one')).status
  }
  t.deepEqual([await withNew(both), await withNew(await deviceCookie(here))], [429, 303])
})

test('of forged cookies of devices one does not learn which names exist, and two are looked at', async (t) => {
  // So many that what they take is most of a request.
  const fallbacks = Array.from({ length: 3000 }, (_, n) => `an older secret of the tests: ${n} 0123456789abcdef`)
  const app = await start(t, { ATTEMPTS_PER_ADDRESS: '1', SECRET_KEY_FALLBACKS: fallbacks.join(',') })
  const owner = app.browser()
  await signIn(owner, 'ada')
  const own = await deviceCookie(owner)
  // Refused before any password is hashed.
  t.is((await guess(app.browser(), 'nobody', '192.0.2.1')).status, 422)
  const time = async (username: string, cookie: string) => {
    const form = { username, password: 'wrong' }
    const started = performance.now()
    const { status } = await app.browser().post('/login', form, { 'x-forwarded-for': '192.0.2.1', cookie })
    return { status, took: performance.now() - started }
  }
  const forged = Array.from({ length: 2 }, (_, n) => `known-device=${'A'.repeat(21)}${n}.${'A'.repeat(43)}`)
  const times = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY }
  for (let n = 0; n < 8; n++) {
    times.known = Math.min(times.known, (await time('grace', forged.join('; '))).took)
    times.unknown = Math.min(times.unknown, (await time('nobody', forged.join('; '))).took)
  }
  const ratio = times.known / times.unknown
  t.log(times)
  t.true(ratio < 4, `${ratio} times`)

  t.is((await time('ada', [forged[0], own].join('; '))).status, 422, 'the second of two')
  t.is((await time('ada', [...forged, own].join('; '))).status, 429, 'the third is not looked at')
})

test('a stolen cookie of a device is worth 100 failures, then the device is unknown', async (t) => {
  const app = await start(t)
  const owner = app.browser()
  await signIn(owner, 'ada')
  for (let n = 0; n < 100; n++) {
    t.is((await signIn(owner, 'ada', 'wrong')).status, 422)
    await afterDelays(app)
  }
  t.deepEqual(await attempts(app).where({ counter: 'account 1' }), [])
  t.is((await signIn(owner, 'ada', 'wrong')).status, 422)
  t.is((await attempts(app).where({ counter: 'account 1' }).first())?.failures, 1)
  t.is((await signIn(owner, 'ada')).status, 303)
})

test('expired counters are cleared with the sessions, the others stay', async (t) => {
  const app = await start(t)
  const rows = Array.from({ length: 1200 }, (_, n) => ({
    counter: `unknown ${n}`,
    failures: 1,
    next_at: 0,
    expires: n < 1199 ? 1 : 2 ** 52,
  }))
  await app.services.knex.batchInsert('failed_attempts', rows, 100)
  t.like(await cleanUp(app.services, clearingLease(app.services, 'expired')), { outcome: 'done' })
  t.deepEqual(await attempts(app).pluck('counter'), ['unknown 1199'])
})

if (hasRegistration) {
  test('a burst at one counter takes a few statements for each request, not for each pair of them', async (t) => {
    const app = await start(t, { ATTEMPTS_PER_ADDRESS: '50' })
    let statements = 0
    app.services.knex.on('query', ({ sql }: { sql: string }) => {
      if (sql.includes('failed_attempts')) statements++
    })
    const form = { fullName: 'Some Body', email: 'somebody@example.com' }
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => app.browser().post('/register/1', { ...form, username: `somebody-${n}` })),
    )
    t.deepEqual([withStatus(answers, 303).length, withStatus(answers, 429).length], [50, 150])
    t.true(statements <= 3 * 200, `${statements} statements`)
  })
}

test('a counter that others change all the time refuses for a second', async (t) => {
  const app = await start(t)
  t.is((await signIn(app.browser(), 'ada', 'wrong')).status, 422)
  // As if another process had always been faster.
  await app.services.knex.raw('CREATE TRIGGER faster BEFORE UPDATE ON failed_attempts BEGIN SELECT RAISE(IGNORE); END')
  const refused = await signIn(app.browser(), 'ada', 'wrong')
  t.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1'])
  await app.services.knex.raw('DROP TRIGGER faster')
  t.is((await signIn(app.browser(), 'ada')).status, 303)
})

test('while the counters cannot be written nobody is let in: 503, not 500', async (t) => {
  const app = await start(t)
  const other = openDatabase(app.services.config.databaseUrl)
  t.teardown(() => other.destroy())
  await other.raw('BEGIN EXCLUSIVE')
  const name = () =>
    app.browser().json('POST', '/register/1', {
      username: 'somebody',
      fullName: 'Some Body',
      email: 'somebody@example.com',
      password: 'a good passphrase',
      repeat: 'a good passphrase',
    })
  const answers = await Promise.all([signIn(app.browser(), 'ada'), ...(hasRegistration ? [name()] : [])])
  for (const { status, headers } of answers) {
    t.deepEqual([status, headers.get('retry-after'), headers.getSetCookie()], [503, '5', []])
  }
  await other.raw('ROLLBACK')
  t.is((await signIn(app.browser(), 'ada')).status, 303)
})

test('refusals are logged with the user or a hash of the name, never with the name or the password', async (t) => {
  const app = await start(t, { ATTEMPTS_PER_ADDRESS: '12' })
  const lines: [Record<string, unknown>, string][] = []
  const { log } = app.services
  log.warn = ((...line: (typeof lines)[number]) => void lines.push(line)) as typeof log.warn
  for (let n = 0; n < 11; n++) await signIn(app.browser(), 'ada', 'Secret-guess')
  for (let n = 0; n < 3; n++) await signIn(app.browser(), 'Nobody-Known', 'Secret-guess')
  const logged = lines.map(([{ userId, limit }, event]) => ({ userId, limit, event }))
  t.deepEqual(logged, [
    ...Array(10).fill({ userId: '1', limit: undefined, event: 'sign-in refused' }),
    { userId: '1', limit: 'account', event: 'too many attempts' },
    ...Array(2).fill({ userId: null, limit: undefined, event: 'sign-in refused' }),
    { userId: null, limit: 'address', event: 'too many attempts' },
  ])
  for (const [{ name }] of lines.slice(11)) t.regex(String(name), /^[\w-]{12}$/)
  t.notRegex(JSON.stringify(lines), /ada|nobody|secret/i)
})

test('a visitor who has to wait gets the form again, with what was typed', async (t) => {
  const app = await start(t)
  const browser = app.browser()
  for (let n = 0; n < 10; n++) await signIn(browser, 'ada', 'wrong')
  const form = { username: 'ada', password: 'ada-demo-password', next: '/account', remember: 'true' }
  const { status, headers, text } = await browser.post('/login', form)
  t.is(status, 429)
  t.true(Number(headers.get('retry-after')) > 0)
  t.regex(text, /Too many attempts[\s\S]*name="username"[^>]* value="ada"[\s\S]*name="remember"[^>]* checked/)
  t.regex(text, /name="next" value="\/account"/)
  t.notRegex(text, /ada-demo-password/)
})
