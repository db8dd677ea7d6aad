import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import { passwordMatches } from '../../src/passwords.ts'
import { Users } from '../../src/users.ts'
import { migratedSqlite } from '../support/databases.ts'
import { runSessions } from '../support/sessions-command.ts'
import { SECRET_KEY } from './sessions-cli.ts'

const PASSWORD = 'violet kettle on the roof'

async function userCli(t: ExecutionContext) {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const env = { NODE_ENV: 'test', DATABASE_URL: url, SECRET_KEY, LOG_LEVEL: 'silent' }
  const run = (input: string, ...args: string[]) => runSessions(['user', ...args], env, input)
  return { run, users: new Users(knex, [SECRET_KEY]) }
}

test.serial('user creates an account that can sign in, and --staff one for the pages of staff', async (t) => {
  const { run, users } = await userCli(t)
  t.deepEqual(await run(`${PASSWORD}\n`, 'Edith', '--email', 'e@example.com'), {
    code: 0,
    output: 'Edith can sign in.',
  })
  const edith = await users.byUsername('edith')
  t.like(edith, { username: 'Edith', email: 'e@example.com', isStaff: false })
  t.true(await passwordMatches(PASSWORD, edith?.passwordHash))
  const { code, output } = await run(PASSWORD, 'frank', '--staff', '--json')
  t.is(code, 0, output)
  const frank = await users.byUsername('frank')
  t.deepEqual(JSON.parse(output), { id: frank?.id, username: 'frank', staff: true })
  t.true(frank?.isStaff)
})

test.serial(
  'user refuses a name that is taken, and passwords that a registration refuses, in one sentence',
  async (t) => {
    const { run, users } = await userCli(t)
    await users.create({ username: 'Edith', email: '', fullName: '', passwordHash: 'none' })
    const cases: [input: string, args: string[], code: number, output: string][] = [
      [PASSWORD, ['edith'], 1, 'The username "edith" is taken.'],
      ['', ['frank'], 1, 'Choose a password.'],
      ['short', ['frank'], 1, 'Use at least 12 characters.'],
      ['password1234', ['frank'], 1, 'This password is too easy to guess.'],
      ['x'.repeat(1025), ['frank'], 1, 'Use at most 1024 bytes.'],
      [PASSWORD, ['frank', '--email', 'nothing'], 2, 'This is no e-mail address.'],
      [PASSWORD, ['a b'], 2, 'A username has 3 to 30 letters, digits, dots, dashes or underscores.'],
    ]
    for (const [input, args, code, output] of cases) t.deepEqual(await run(input, ...args), { code, output })
    t.is(await users.byUsername('frank'), undefined)
  },
)
