import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Knex } from 'knex'
import { demoUsers } from './demo-users.ts'
import { loadFeatures } from './features/index.ts'
import { hashPassword } from './passwords.ts'
import { codeExtension, featureFolder } from './paths.ts'

/** The default export of a feature's `seed.ts`: returns what it created, such as `72 products`; undefined for nothing. */
export type Seed = (knex: Knex) => Promise<string | undefined>

/**
 * Runs every feature's seed and, if asked to, creates the demo users that are missing. Running it again changes nothing.
 *
 * @returns what was created, such as `72 products`
 */
export async function seed(knex: Knex, options: { demoUsers: boolean }): Promise<string[]> {
  const created: string[] = []
  for (const { name } of await loadFeatures()) {
    const file = join(featureFolder(name), `seed${codeExtension}`)
    if (!existsSync(file)) continue
    const module: { readonly default: Seed } = await import(pathToFileURL(file).href)
    const summary = await module.default(knex)
    if (summary !== undefined) created.push(summary)
  }
  const users = options.demoUsers ? await seedUsers(knex) : 0
  return users > 0 ? [...created, `${users} demo users`] : created
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
