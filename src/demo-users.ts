import type { Knex } from 'knex'
import { z } from 'zod'
import { passwordMatches } from './passwords.ts'

/** `npm run dev` makes them. Everybody can read their passwords here, so production refuses to start with one of them. */
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

/** The command that deletes the accounts which `openDemoAccounts` finds, and no others. */
export const DELETE_DEMO_USERS = 'npm run seed -- --delete-demo-users'

const row = z.object({ id: z.coerce.number().int(), username: z.string(), password_hash: z.string() })

/**
 * The accounts with the name of a demo user that accept a demo password, disabled ones too, which may be enabled again.
 * Only these names are verified, since a verification is slow on purpose; no account can choose such a password itself.
 */
export async function openDemoAccounts(knex: Knex): Promise<{ id: number; username: string }[]> {
  const names = demoUsers.map(({ username }) => username)
  const found: unknown[] = await knex('users').whereIn('username_key', names).select()
  const open: { id: number; username: string }[] = []
  for (const { id, username, password_hash } of z.array(row).parse(found)) {
    for (const { password } of demoUsers) {
      // What is no Argon2 hash accepts no password.
      if (!(await passwordMatches(password, password_hash).catch(() => false))) continue
      open.push({ id, username })
      break
    }
  }
  return open
}
