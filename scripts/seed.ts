import { parseArgs } from 'node:util'
import type { Knex } from 'knex'
import { openDatabase } from '../src/database.ts'
import { openDemoAccounts } from '../src/demo-users.ts'
import { errorSentence } from '../src/log-error.ts'
import { seed } from '../src/seed.ts'

const deleteUsers = wantsDeletion()
let knex: Knex | undefined
try {
  knex = openDatabase(process.env['DATABASE_URL'] || 'sqlite:./data/app.sqlite3')
  console.log(deleteUsers ? await deleteDemoUsers(knex) : await seedFeatures(knex))
} catch (error) {
  console.error(`Seeding failed: ${errorSentence(error)}`)
  process.exitCode = 1
} finally {
  await knex?.destroy()
}

function wantsDeletion(): boolean {
  try {
    return parseArgs({ options: { 'delete-demo-users': { type: 'boolean' } } }).values['delete-demo-users'] === true
  } catch (error) {
    // Its message names the option, which is no value of anybody's.
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(2)
  }
}

async function seedFeatures(knex: Knex): Promise<string> {
  const made = await seed(knex, { demoUsers: false })
  const done = made.length > 0 ? `Seeded ${made.join(', ')}.` : 'There was nothing to seed.'
  return `${done} Demo users are made by "npm run dev" only.`
}

async function deleteDemoUsers(knex: Knex): Promise<string> {
  const open = await openDemoAccounts(knex)
  const ids = open.map(({ id }) => id)
  await knex('users').whereIn('id', ids).delete()
  if (open.length === 0) return 'No account accepts a demo password: nothing is deleted.'
  return `Deleted ${open.map(({ username }) => username).join(', ')}.`
}
