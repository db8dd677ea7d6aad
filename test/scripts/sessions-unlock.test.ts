import test from 'ava'
import { Users } from '../../src/users.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

test.serial('unlock forgets the failed sign-ins of one account, whatever the case of its name', async (t) => {
  const { run, knex } = await sessionsCli(t)
  const users = new Users(knex, [SECRET_KEY])
  for (const username of ['Edith', 'frank']) {
    await users.create({ username, email: `${username}@example.com`, fullName: username, passwordHash: 'none' })
  }
  const locked = { failures: 100, next_at: 0, expires: Number.MAX_SAFE_INTEGER }
  await knex('failed_attempts').insert([1, 2].map((id) => ({ counter: `account ${id}`, ...locked })))
  t.deepEqual(await run(['unlock', 'edith']), { code: 0, output: 'edith may sign in again.' })
  t.deepEqual(await knex('failed_attempts').pluck('counter'), ['account 2'])
  t.deepEqual(await run(['unlock', 'frank', '--json']), { code: 0, output: '{"username":"frank","unlocked":true}' })
  t.deepEqual(await knex('failed_attempts').pluck('counter'), [])
  t.deepEqual(await run(['unlock', 'nobody']), { code: 1, output: 'No enabled account has the name "nobody".' })
  t.is((await run(['unlock'])).code, 2)
})
