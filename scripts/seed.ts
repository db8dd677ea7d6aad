import { pathToFileURL } from 'node:url'
import type { Knex } from 'knex'
import { openDatabase } from '../src/database.ts'
import { hashPassword } from '../src/passwords.ts'
import { demoUsers, products } from './seed-data.ts'

/** Fills an empty shop, and creates the demo users that are missing. Running it again changes nothing. */
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
  const knex = openDatabase(process.env['DATABASE_URL'] || 'sqlite:./data/app.sqlite3')
  try {
    const done = await seed(knex, { demoUsers: process.env['NODE_ENV'] !== 'production' })
    console.log(`Seeded ${done.products} products and ${done.users} users.`)
  } catch (error) {
    console.error(`Seeding failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  } finally {
    await knex.destroy()
  }
}
