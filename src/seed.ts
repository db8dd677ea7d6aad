import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Knex } from 'knex'
import { demoUsers } from './demo-users.ts'
import { loadFeatures } from './features/index.ts'
import { hashPassword } from './passwords.ts'
import { codeExtension, featureFolder } from './paths.ts'

/** The default export of a feature's `seed.ts`: says what it has made, or nothing where there was nothing to do. */
export type Seed = (knex: Knex) => Promise<string | undefined>

/**
 * Runs every feature's seed and, if asked to, creates the demo users that are missing. Running it again changes nothing.
 *
 * @returns a few words for each thing that was made
 */
export async function seed(knex: Knex, options: { demoUsers: boolean }): Promise<string[]> {
  const made: string[] = []
  for (const { name } of await loadFeatures()) {
    const file = join(featureFolder(name), `seed${codeExtension}`)
    if (!existsSync(file)) continue
    const module: { readonly default: Seed } = await import(pathToFileURL(file).href)
    const words = await module.default(knex)
    if (words !== undefined) made.push(words)
  }
  const users = options.demoUsers ? await seedUsers(knex) : 0
  return users > 0 ? [...made, `${users} demo users`] : made
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
