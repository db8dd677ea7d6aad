import test, { type ExecutionContext } from 'ava'
import { hashPassword } from '../../../src/passwords.ts'
import { type Answer, startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { testDatabase } from '../../support/databases.ts'
import { signIn } from './steps.ts'

/** Guesses at passwords, on two processes with one database. */
export function throttleSuite(name: 'SQLite' | 'PostgreSQL' | 'MariaDB'): void {
  const database = testDatabase(name)
  if (database === undefined) return
  const { fresh } = database

  async function twoProcesses(t: ExecutionContext, env: Record<string, string> = {}): Promise<[TestApp, TestApp]> {
    const { url, drop } = await fresh()
    const apps: TestApp[] = []
    t.teardown(async () => {
      for (const app of apps) await app.close()
      await drop()
    })
    const settings = { DATABASE_URL: url, TRUSTED_PROXIES: '1', ...env }
    for (let n = 0; n < 2; n++) apps.push(await startApp(settings))
    const [one, other] = apps
    if (one === undefined || other === undefined) throw new Error('not started')
    return [one, other]
  }

  test(`${name}: of 130 guesses at once from 130 addresses no more than ten and those after a delay are tried`, async (t) => {
    const apps = await twoProcesses(t)
    const started = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 130 }, (_, n) => guess(apps[(n % 2) as 0 | 1].browser(), 'ada', `192.0.2.${n}`)),
    )
    const tried = withStatus(answers, 422).length
    t.true(tried >= 10 && tried <= allowedIn(performance.now() - started), `${tried} were tried`)
    t.is(withStatus(answers, 429).length, 130 - tried)
    t.true(withStatus(answers, 429).every(({ headers }) => Number(headers.get('retry-after')) > 0))
    t.is((await signIn(apps[0].browser(), 'grace')).status, 303, 'somebody else is not locked out')
  })

  test(`${name}: one IPv6 network of /64 is one address, and an office whose people sign in is not limited`, async (t) => {
    const apps = await twoProcesses(t, { ATTEMPTS_PER_ADDRESS: '10' })
    const from = async (addresses: (n: number) => string) =>
      await Promise.all(
        Array.from({ length: 14 }, (_, n) => guess(apps[(n % 2) as 0 | 1].browser(), `stranger-${n}`, addresses(n))),
      )
    const network = await from((n) => `2001:db8:1:2:${n.toString(16)}::${n}`)
    t.is(withStatus(network, 422).length, 10)
    t.is(withStatus(network, 429).length, 4)
    t.is((await guess(apps[0].browser(), 'grace', '2001:db8:1:3::1')).status, 422, 'the next network')
    const mapped = await from((n) => (n % 2 === 0 ? '198.51.100.7' : '::ffff:198.51.100.7'))
    t.is(withStatus(mapped, 422).length, 10)

    await addUsers(apps[0], 20)
    const office = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        apps[(n % 2) as 0 | 1]
          .browser()
          .post('/login', { username: `user-${n}`, password: 'a good passphrase' }, via('203.0.113.9')),
      ),
    )
    t.is(withStatus(office, 303).length, 20)
  })

  test(`${name}: the owner signs in on a known device in spite of others, who get nothing by its cookie`, async (t) => {
    const [one, other] = await twoProcesses(t, { ATTEMPTS_PER_ADDRESS: '14' })
    const owner = one.browser()
    t.is((await signIn(owner, 'ada')).status, 303)
    await owner.post('/logout')
    for (let n = 0; n < 14; n++) {
      t.is((await guess(other.browser(), n < 12 ? 'ada' : `stranger-${n}`, '203.0.113.1')).status, 422)
      await one.services.knex('failed_attempts').update({ next_at: 0 })
    }
    t.is((await guess(other.browser(), 'grace', '203.0.113.1')).status, 429, 'the address is attacked')
    await guess(other.browser(), 'ada', '198.51.100.1')
    const password = 'ada-demo-password'
    t.is((await guess(other.browser(), 'ada', '198.51.100.1', password)).status, 429, 'so is the account')
    t.is((await guess(owner, 'ada', '203.0.113.1', password)).status, 303)

    const thief = other.browser()
    await thief.jar.setCookie(await deviceCookie(owner), thief.origin)
    const started = performance.now()
    const stolen = await Promise.all(Array.from({ length: 20 }, () => guess(thief, 'ada', '198.51.100.2')))
    t.true(withStatus(stolen, 422).length <= allowedIn(performance.now() - started))
    t.is((await guess(thief, 'grace', '198.51.100.2')).status, 422, 'of somebody else it says nothing')
  })
}

/** How many guesses at one account are tried in these milliseconds, with delays of 1, 2, 4 … seconds from the tenth on. */
export const allowedIn = (milliseconds: number) => 10 + Math.floor(Math.log2(milliseconds / 1000 + 1))

export const via = (address: string) => ({ 'x-forwarded-for': address })

export const withStatus = (answers: readonly Answer[], status: number) =>
  answers.filter((answer) => answer.status === status)

/** Signs in from an address. */
export const guess = (browser: TestBrowser, username: string, address: string, password = 'wrong') =>
  browser.post('/login', { username, password }, via(address))

/** The cookie by which a device is known, as `name=value`. */
export async function deviceCookie({ jar, origin }: TestBrowser): Promise<string> {
  const found = (await jar.getCookies(origin)).find(({ key }) => key.endsWith('known-device'))
  return found?.cookieString() ?? ''
}

/** Accounts `user-0`, `user-1` and so on, with the password `a good passphrase`. */
export async function addUsers({ services }: TestApp, count: number): Promise<void> {
  const passwordHash = await hashPassword('a good passphrase')
  for (let n = 0; n < count; n++) {
    const username = `user-${n}`
    const { knex } = services
    await knex('users').insert({
      username,
      username_key: username,
      email: `${username}@example.com`,
      full_name: username,
      password_hash: passwordHash,
      created_at: 1,
    })
  }
}
