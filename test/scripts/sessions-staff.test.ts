import test from 'ava'
import { Users } from '../../src/users.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

test.serial('staff makes an account staff, regardless of case, and --remove an ordinary one', async (t) => {
  const { run, knex } = await sessionsCli(t)
  const users = new Users(knex, [SECRET_KEY])
  for (const username of ['Edith', 'frank']) {
    await users.create({ username, email: `${username}@example.com`, fullName: username, passwordHash: 'none' })
  }
  const staff = async () => [(await users.byUsername('edith'))?.isStaff, (await users.byUsername('frank'))?.isStaff]

  t.deepEqual(await run(['staff', 'edith']), { code: 0, output: 'edith is now staff.' })
  t.deepEqual(await staff(), [true, false])
  t.deepEqual(await run(['staff', 'Edith', '--remove', '--json']), {
    code: 0,
    output: '{"username":"Edith","staff":false}',
  })
  t.deepEqual(await staff(), [false, false])
})

test.serial('staff reports in one sentence that an account does not exist or is disabled', async (t) => {
  const { run, knex } = await sessionsCli(t)
  const users = new Users(knex, [SECRET_KEY])
  await users.create({ username: 'gone', email: 'gone@example.com', fullName: 'Gone', passwordHash: 'none' })
  await knex('users').update({ disabled_at: Date.now() })
  for (const name of ['nobody', 'gone']) {
    t.deepEqual(await run(['staff', name]), { code: 1, output: `No enabled account has the name "${name}".` })
  }
  t.is((await run(['staff'])).code, 2)
})
