import test from 'ava'
import type { Knex } from 'knex'
import { migrate, openDatabase } from '../../src/database.ts'
import { seed } from '../../src/seed.ts'
import { dialectOf } from '../../src/session/stores/database/database-statements.ts'
import { signIn } from '../features/account/steps.ts'
import { add, checkOut } from '../features/cart/steps.ts'
import { choose } from '../features/preferences/steps.ts'
import { sendStep } from '../features/registration/steps.ts'
import { TEST_SECRET, TestBrowser } from './app.ts'
import { testDatabase } from './databases.ts'
import { startProcess, TYPESCRIPT } from './processes.ts'

const PASSWORD = 'velvet hammer umbrella'
const PERSON = { username: 'private.username', fullName: 'Very Private-Person', email: 'very.private@inbox.example' }
const PLACE = { line1: '17 Hidden Alley', line2: '', postcode: 'ZQ9 7XX', city: 'Secretville', country: 'DE' }
const NEW_PASSWORD = { current: 'ada-demo-password', password: PASSWORD, repeat: PASSWORD }

/** What no log and no error page may have, whatever the visitors of the suite did. */
const SECRETS = [PASSWORD, 'ada-demo-password', '$argon2', ...Object.values(PERSON), 'ada@example.com', 'Oak Lantern']
const PLACES = [PLACE.line1, PLACE.postcode, PLACE.city]

/** Every statement that carries secrets fails, in the application as it is started; then its whole output is searched. */
export function revealsNothing(name: 'SQLite' | 'PostgreSQL' | 'MariaDB', env: Record<string, string> = {}): void {
  const database = testDatabase(name)
  if (database === undefined) return
  const label = [name, ...Object.values(env)].join(', ')

  test(`${label}: failing statements put no secret into the log or an answer`, async (t) => {
    t.timeout(90_000)
    const { url, drop } = await database.fresh()
    t.teardown(drop)
    const knex = openDatabase(url)
    t.teardown(() => knex.destroy())
    await migrate(knex)
    await seed(knex, { demoUsers: true })
    const settings = { NODE_ENV: 'test', HOST: 'localhost', PORT: '0', SECRET_KEY: TEST_SECRET, LOG_LEVEL: 'trace' }
    const server = startProcess([TYPESCRIPT, 'src/server.ts'], { env: { ...settings, DATABASE_URL: url, ...env } })
    t.teardown(() => void server.child.kill('SIGKILL'))
    const [, origin = ''] = await server.printed(/on (http:\S+)/)

    const secrets = new Set([...SECRETS, ...PLACES])
    const texts: string[] = []
    const browsers = new Set<TestBrowser>()
    const browser = () => {
      const made = new TestBrowser(origin)
      browsers.add(made)
      return made
    }
    const look = async () => {
      for (const one of browsers) for (const { value } of await one.jar.getCookies(origin)) secrets.add(value)
      const table = env['SESSION_FORMAT'] === 'django' ? 'django_session' : 'sessions'
      const rows: Record<string, unknown>[] = await knex(table).select()
      for (const row of rows) secrets.add(String(row['session_key'])).add(String(row['session_data'] ?? row['data']))
      for (const { checkout_token } of await knex('orders').select()) secrets.add(checkout_token)
      return table
    }
    const fails = async (what: string, send: () => Promise<{ status: number; text: string }>) => {
      await look()
      const { status, text } = await send()
      t.true(status >= 500, `${what}: ${status}`)
      texts.push(text)
    }
    const whileRefused = async (table: string, how: 'INSERT' | 'UPDATE', work: () => Promise<void>) => {
      const allow = await refuse(knex, table, how)
      try {
        await work()
      } finally {
        await allow()
      }
    }

    const visitor = browser()
    t.is((await sendStep(visitor, 1, PERSON)).status, 303)
    t.is((await sendStep(visitor, 2, { ...PLACE, language: 'en' })).status, 303)
    const register = () => sendStep(visitor, 3, { accept: 'true', password: PASSWORD, repeat: PASSWORD })
    await whileRefused('users', 'INSERT', () => fails('registration', register))
    await knex('users').where({ username: 'grace' }).update({ email: PERSON.email })
    await knex.schema.alterTable('users', (users) => users.unique(['email'], { indexName: 'one_per_address' }))
    await fails('registration with an address in use', register)

    await knex.schema.renameTable('users', 'users_elsewhere')
    const attempt = { username: PERSON.email, password: PASSWORD }
    await fails('sign-in', () => browser().post('/login', attempt))
    await fails('sign-in by JSON', () => browser().json('POST', '/login', attempt))
    await knex.schema.renameTable('users_elsewhere', 'users')

    const ada = browser()
    t.is((await signIn(ada, 'ada')).status, 303)
    await whileRefused('users', 'UPDATE', () =>
      fails('a new password', () => ada.json('POST', '/account/password', NEW_PASSWORD)),
    )

    t.is((await add(ada, 2, 3)).status, 200)
    for (const table of ['orders', 'order_lines']) {
      await whileRefused(table, 'INSERT', () => fails('check-out', () => checkOut(ada)))
    }
    // The same cart is the same order: so the token that failed twice is in the table now.
    t.is((await checkOut(ada)).status, 200)
    await add(ada, 2)
    // What MariaDB and PostgreSQL say to this repeats the value.
    await knex.schema.alterTable('order_lines', (lines) => lines.unique(['name'], { indexName: 'one_per_name' }))
    await fails('check-out of a product for the second time', () => checkOut(ada))

    const sessions = await look()
    await whileRefused('users', 'UPDATE', async () => {
      await fails('a cart', () => add(ada, 2))
      await fails('a preference', () => choose(ada, 'theme', 'dark'))
    })
    const guest = browser()
    t.is((await add(guest, 2)).status, 200)
    await whileRefused(sessions, 'UPDATE', () => fails('a cart of nobody', () => add(guest, 2)))
    await whileRefused(sessions, 'INSERT', () => fails('a first cart', () => add(browser(), 2)))
    t.is((await ada.post('/logout')).status, 303)
    // JavaScript quotes what it cannot parse.
    await knex('users')
      .where({ username: 'ada' })
      .update({ account_data: `${PERSON.email} {` })
    const damaged = browser()
    t.is((await signIn(damaged, 'ada')).status, 303)
    texts.push((await add(damaged, 2)).text)

    if (name === 'SQLite') {
      const allow = await lock(url)
      await fails('a locked file', register).finally(allow)
    }
    await look()
    t.is(await server.stop(), 0)
    const said = server.output()
    const escaped = (secret: string) => JSON.stringify(secret).slice(1, -1)
    const foundIn = (texts: string[]) =>
      [...secrets].filter((secret) => texts.some((text) => text.includes(secret) || text.includes(escaped(secret))))
    t.deepEqual(foundIn([said]), [], 'the log has these')
    t.deepEqual(foundIn(texts), [], 'an answer has these')

    // What is left is enough to see what happened.
    t.regex(said, /"code":"[^"]+"[^\n]*"statement":"insert into [`\\"]+users/)
    t.regex(said, /"statement":"insert into [`\\"]+order_lines/)
    t.regex(said, new RegExp(`"statement":"UPDATE .?.?${sessions}`, 'i'))
    t.regex(said, name === 'SQLite' ? /UNIQUE constraint failed: order_lines.name/ : /one_per_name/)
    t.regex(said, /"level":50[^\n]*"userId":"\d+"[^\n]*account unreadable, left as it is/)
  })
}

/** Has the database refuse every row of this kind; the answer allows them again. */
async function refuse(knex: Knex, table: string, how: 'INSERT' | 'UPDATE'): Promise<() => Promise<unknown>> {
  const run = async (sql: string) => await knex.raw(sql)
  const dialect = dialectOf(knex)
  if (dialect === 'postgres') {
    // Its error has the whole row.
    await run(`ALTER TABLE ${table} ADD CONSTRAINT refused CHECK (false) NOT VALID`)
    return () => run(`ALTER TABLE ${table} DROP CONSTRAINT refused`)
  }
  const [before, act] =
    dialect === 'sqlite'
      ? ['', "BEGIN SELECT RAISE(ABORT, 'refused'); END"]
      : ['FOR EACH ROW', "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"]
  await run(`CREATE TRIGGER refused BEFORE ${how} ON ${table} ${before} ${act}`)
  return () => run('DROP TRIGGER refused')
}

async function lock(url: string): Promise<() => Promise<void>> {
  const knex = openDatabase(url)
  await knex.raw('BEGIN EXCLUSIVE')
  return () => knex.destroy()
}
