import type { Knex } from 'knex'
import { readConfig } from '../../src/config.ts'
import { migrate, openDatabase } from '../../src/database.ts'
import { seed } from '../../src/seed.ts'
import { openServices } from '../../src/services.ts'
import { testOn } from '../storage/present.ts'
import { testDatabase } from './databases.ts'
import { cloneWithNotes, note, signIn } from './notes-steps.ts'
import { startProcess, TYPESCRIPT } from './processes.ts'
import { featureRefusals, type Refusal, refusing } from './refusals.ts'
import { TEST_SECRET } from './secret.ts'
import { Visit } from './stories.ts'

/** What a visitor notes, which no log may have: the text of a session or an account. */
const NOTE = 'private_matter'

const member = async (visit: Visit) => {
  const [browser, { username }] = [visit.browser(), await visit.user()]
  await note(browser, NOTE)
  await signIn(browser, username)
  return { browser, username }
}

const ofEverybody = (sessions: string): readonly Refusal[] => [
  {
    name: 'a first note',
    refuse: refusing(sessions, 'INSERT'),
    begin: async (visit) => () => note(visit.browser(), NOTE),
  },
  {
    name: 'a note',
    refuse: refusing(sessions, 'UPDATE'),
    async begin(visit) {
      const browser = visit.browser()
      await note(browser, NOTE)
      return () => note(browser, NOTE)
    },
    logged: new RegExp(`"statement":"UPDATE .?.?${sessions}`, 'i'),
  },
  {
    name: 'a note of an account',
    refuse: refusing('users', 'UPDATE'),
    async begin(visit) {
      const { browser } = await member(visit)
      return () => note(browser, NOTE)
    },
  },
]

/** Every statement that carries secrets fails, in the application as it is started; then its whole output is searched. */
export function revealsNothing(name: 'SQLite' | 'PostgreSQL' | 'MariaDB', env: Record<string, string> = {}): void {
  const database = testDatabase(name)
  const engine = { SESSION_ENGINE: 'db', ...env }
  if (database === undefined) return
  const label = [name, ...Object.values(env)].join(', ')

  testOn(engine)(`${label}: failing statements put no secret into the log or an answer`, async (t) => {
    t.timeout(90_000)
    const { url, drop } = await database.fresh()
    t.teardown(drop)
    const knex = openDatabase(url)
    t.teardown(() => knex.destroy())
    await migrate(knex)
    await seed(knex, { demoUsers: false })
    const settings = { ...engine, NODE_ENV: 'test', SECRET_KEY: TEST_SECRET, DATABASE_URL: url }
    const services = await openServices(
      readConfig({ ...settings, LOG_LEVEL: 'silent', SESSION_STORE_TIMEOUT: '10000' }),
    )
    t.teardown(() => services.close())
    const { refusals, secrets: secretsIn } = await featureRefusals()
    const server = startProcess([TYPESCRIPT, 'src/server.ts'], {
      cwd: await cloneWithNotes(t),
      env: { ...settings, HOST: 'localhost', PORT: '0', LOG_LEVEL: 'trace', ATTEMPTS_PER_ADDRESS: '100000' },
    })
    t.teardown(() => void server.child.kill('SIGKILL'))
    const [, origin = ''] = await server.printed(/on (http:\S+)/)

    const secrets = new Set([NOTE, '$argon2'])
    const texts: string[] = []
    const sessions = env['SESSION_FORMAT'] === 'django' ? 'django_session' : 'sessions'
    const look = async (visit: Visit) => {
      for (const secret of await visit.secrets()) secrets.add(secret)
      const rows: Record<string, unknown>[] = await knex(sessions).select()
      for (const row of rows) secrets.add(String(row['session_key'])).add(String(row['session_data'] ?? row['data']))
      for (const secret of await secretsIn(knex)) secrets.add(secret)
    }
    const visitOf = () => new Visit({ origin, services }, async () => {})
    const all = [...ofEverybody(sessions), ...refusals]
    for (const { name: what, begin, refuse } of all) {
      const visit = visitOf()
      const send = await begin(visit)
      await look(visit)
      const allow = await refuse(knex)
      const { status, text } = await send().finally(allow)
      t.true(status >= 500, `${what}: ${status}`)
      texts.push(text)
      await look(visit)
    }

    // JavaScript quotes what it cannot parse.
    const visit = visitOf()
    const { browser, username } = await member(visit)
    await knex('users')
      .where({ username })
      .update({ account_data: `${NOTE} {` })
    texts.push((await note(browser, NOTE)).text)
    if (name === 'SQLite') {
      const allow = await lock(url)
      texts.push((await note(visit.browser(), NOTE).finally(allow)).text)
    }
    await look(visit)

    t.is(await server.stop(), 0)
    const said = server.output()
    const escaped = (secret: string) => JSON.stringify(secret).slice(1, -1)
    const foundIn = (texts: string[]) =>
      [...secrets].filter((secret) => texts.some((text) => text.includes(secret) || text.includes(escaped(secret))))
    t.deepEqual(foundIn([said]), [], 'the log has these')
    t.deepEqual(foundIn(texts), [], 'an answer has these')

    // What is left is enough to see what happened.
    for (const { name: what, logged = /"level":50/ } of all) t.regex(said, logged, what)
    t.regex(said, /"level":50[^\n]*"userId":"\d+"[^\n]*account unreadable, left as it is/)
  })
}

async function lock(url: string): Promise<() => Promise<void>> {
  const knex: Knex = openDatabase(url)
  await knex.raw('BEGIN EXCLUSIVE')
  return () => knex.destroy()
}
