import { parseArgs } from 'node:util'
import type { Knex } from 'knex'
import { openDatabase } from '../src/database.ts'
import { DEFAULT_DATABASE_URL } from '../src/database-address.ts'
import { openDemoAccounts } from '../src/demo-users.ts'
import { errorLine } from '../src/log-error.ts'
import { seed } from '../src/seed.ts'

const deletesUsers = readOptions()
let knex: Knex | undefined
try {
  knex = openDatabase(process.env['DATABASE_URL'] || DEFAULT_DATABASE_URL)
  console.log(deletesUsers ? await deleteDemoUsers(knex) : await seedFeatures(knex))
} catch (error) {
  console.error(`Seeding failed: ${errorLine(error)}`)
  process.exitCode = 1
} finally {
  await knex?.destroy()
}

function readOptions(): boolean {
  try {
    return parseArgs({ options: { 'delete-demo-users': { type: 'boolean' } } }).values['delete-demo-users'] === true
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(2)
  }
}

async function seedFeatures(knex: Knex): Promise<string> {
  const created = await seed(knex, { demoUsers: false })
  const summary = created.length > 0 ? `Seeded ${created.join(', ')}.` : 'There was nothing to seed.'
  return `${summary} Only "npm run dev" creates demo users.`
}

async function deleteDemoUsers(knex: Knex): Promise<string> {
  const open = await openDemoAccounts(knex)
  const ids = open.map(({ id }) => id)
  await knex('users').whereIn('id', ids).delete()
  if (open.length === 0) return 'No account accepts a demo password: nothing was deleted.'
  return `Deleted ${open.map(({ username }) => username).join(', ')}.`
}
