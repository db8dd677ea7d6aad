import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Knex } from 'knex'
import { openDatabase } from '../src/database.ts'
import { demoUsers, openDemoAccounts } from '../src/demo-users.ts'
import { errorSentence } from '../src/log-error.ts'
import { hashPassword } from '../src/passwords.ts'
import { products } from './seed-data.ts'

/** Fills an empty shop and, if asked to, creates the demo users that are missing. Running it again changes nothing. */
export async function seed(knex: Knex, options: { demoUsers: boolean }): Promise<{ products: number; users: number }> {
  return { products: await seedProducts(knex), users: options.demoUsers ? await seedUsers(knex) : 0 }
}

async function seedProducts(knex: Knex): Promise<number> {
  if ((await knex('products').first('id')) !== undefined) return 0
  await knex('products').insert([...products])
  return products.length
}

async function seedUsers(knex: Knex): Promise<number> {
  let created = 0
  for (const { username, password, email, fullName, isStaff } of demoUsers) {
    if ((await knex('users').where({ username_key: username }).first('id')) !== undefined) continue
    await knex('users').insert({
      username,
      username_key: username,
      email,
      full_name: fullName,
      is_staff: isStaff,
      password_hash: await hashPassword(password),
      created_at: Date.now(),
    })
    created++
  }
  return created
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const deleteUsers = wantsDeletion()
  let knex: Knex | undefined
  try {
    knex = openDatabase(process.env['DATABASE_URL'] || 'sqlite:./data/app.sqlite3')
    console.log(deleteUsers ? await deleteDemoUsers(knex) : await seedShop(knex))
  } catch (error) {
    console.error(`Seeding failed: ${errorSentence(error)}`)
    process.exitCode = 1
  } finally {
    await knex?.destroy()
  }
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

async function seedShop(knex: Knex): Promise<string> {
  const { products } = await seed(knex, { demoUsers: false })
  return `Seeded ${products} products. Demo users are made by "npm run dev" only.`
}

async function deleteDemoUsers(knex: Knex): Promise<string> {
  const open = await openDemoAccounts(knex)
  const ids = open.map(({ id }) => id)
  await knex('users').whereIn('id', ids).delete()
  if (open.length === 0) return 'No account accepts a demo password: nothing is deleted.'
  return `Deleted ${open.map(({ username }) => username).join(', ')}.`
}
