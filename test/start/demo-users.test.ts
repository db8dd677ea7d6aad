import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import { openDemoAccounts } from '../../src/demo-users.ts'
import { hashPassword } from '../../src/passwords.ts'
import { seed } from '../../src/seed.ts'
import { has } from '../storage/present.ts'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const REMEDY =
  'delete these accounts with "npm run seed -- --delete-demo-users", or change their passwords on /account/password under "npm run dev".'

/** A migrated database, and a server on it without NODE_ENV. */
async function place(t: ExecutionContext) {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const env = {
    SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: url,
    LOG_LEVEL: 'warn',
  }
  const run = (args: readonly string[], more: Record<string, string> = {}) => {
    const process = startProcess([TYPESCRIPT, ...args], { env: { ...env, ...more } })
    t.teardown(() => void process.child.kill('SIGKILL'))
    return process
  }
  return {
    knex,
    setPassword: async (name: string, password: string) =>
      await knex('users')
        .where({ username_key: name })
        .update({ password_hash: await hashPassword(password) }),
    /** Who keeps it from starting. */
    open: async () => (await openDemoAccounts(knex)).map(({ username }) => username),
    async seeded(...args: string[]) {
      const process = run(['scripts/seed.ts', ...args], { NODE_ENV: 'development' })
      return [await process.ended(), process.output()]
    },
    async refusal() {
      const server = run(['src/server.ts'])
      server.printed(/ is on http/).then(
        () => server.stop(),
        () => {},
      )
      return [await server.ended(), server.output()]
    },
    async starts(more: Record<string, string> = {}) {
      const server = run(['src/server.ts'], more)
      await server.printed(/ is on http/)
      await server.stop()
      return server.output()
    },
  }
}

test('seed runs the seeds of the features, and never creates demo users (ASVS 6.3.2)', async (t) => {
  const { knex, seeded } = await place(t)
  const [done, says] = await seeded()
  t.is(done, 0)
  t.regex(String(says), /^(Seeded .+|There was nothing to seed)\. Only "npm run dev" creates demo users\.\n$/)
  t.deepEqual(await knex('users').select(), [])
  const [code, output] = await seeded('--delete-everything')
  t.is(code, 2)
  t.regex(String(output), /^Unknown option '--delete-everything'/)
})

test('production does not start while an account has a published password (ASVS 6.3.2)', async (t) => {
  const { knex, refusal, starts, open, setPassword, seeded } = await place(t)
  await seed(knex, { demoUsers: true })
  await starts({ NODE_ENV: 'development' })
  t.deepEqual(await refusal(), [1, `Anybody can sign in as ada and grace with a published demo password: ${REMEDY}\n`])
  await setPassword('grace', 'a password of her own')
  t.deepEqual(await open(), ['ada'])
  await setPassword('ada', 'grace-demo-password')
  t.deepEqual(await open(), ['ada'])

  // The printed command fixes it.
  t.deepEqual(await seeded('--delete-demo-users'), [0, 'Deleted ada.\n'])
  t.deepEqual(await knex('users').pluck('username'), ['grace'], 'who has a password of their own stays')
  await starts()
  t.deepEqual(await seeded('--delete-demo-users'), [0, 'No account accepts a demo password: nothing was deleted.\n'])
})

test('disabled accounts are checked, as they may be enabled again; an invalid hash accepts nothing', async (t) => {
  const { knex, open } = await place(t)
  await seed(knex, { demoUsers: true })
  await knex('users').where({ username_key: 'grace' }).update({ password_hash: 'md5$1234' })
  await knex('users').where({ username_key: 'ada' }).update({ disabled_at: 1 })
  t.deepEqual(await open(), ['ada'])
  await knex('users').where({ username_key: 'ada' }).delete()
  t.deepEqual(await open(), [])
})

if (has('file')) {
  test('without a users table it starts if sessions are stored elsewhere, and logs that', async (t) => {
    const { knex, starts } = await place(t)
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-start-'))
    t.teardown(() => rm(folder, { recursive: true }))
    for (const table of ['order_lines', 'orders', 'users']) await knex.schema.dropTableIfExists(table)
    const output = await starts({ SESSION_ENGINE: 'file', SESSION_FILE_PATH: join(folder, 'sessions') })
    t.regex(output, /no such table: users.*accounts were not checked for demo passwords/)
  })
}
