import type { Knex } from 'knex'
import { z } from 'zod'
import { passwordMatches } from './passwords.ts'

/** Created by `npm run dev`. The passwords are public, so production refuses to start if an account accepts one. */
export const demoUsers = [
  { username: 'ada', password: 'ada-demo-password', email: 'ada@example.com', fullName: 'Ada Lovelace', isStaff: true },
  {
    username: 'grace',
    password: 'grace-demo-password',
    email: 'grace@example.com',
    fullName: 'Grace Hopper',
    isStaff: false,
  },
] as const

/** Deletes the accounts that `openDemoAccounts` finds, and no others. */
export const DELETE_DEMO_USERS = 'npm run seed -- --delete-demo-users'

const row = z.object({ id: z.coerce.number().int(), username: z.string(), password_hash: z.string() })

/**
 * The accounts with the name of a demo user that accept a demo password; disabled ones too, as they may be enabled again.
 * Other names are not checked: verifying is slow on purpose, and users cannot choose these passwords.
 */
export async function openDemoAccounts(knex: Knex): Promise<{ id: number; username: string }[]> {
  const names = demoUsers.map(({ username }) => username)
  const found: unknown[] = await knex('users').whereIn('username_key', names).select()
  const open: { id: number; username: string }[] = []
  for (const { id, username, password_hash } of z.array(row).parse(found)) {
    for (const { password } of demoUsers) {
      // Not an Argon2 hash: no password matches.
      if (!(await passwordMatches(password, password_hash).catch(() => false))) continue
      open.push({ id, username })
      break
    }
  }
  return open
}
