import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import { hashPassword } from './passwords.ts'

const row = z.object({
  id: z.coerce.number().int(),
  username: z.string(),
  email: z.string(),
  full_name: z.string(),
  password_hash: z.string(),
  is_staff: z.coerce.boolean(),
  language: z.string().nullable(),
  disabled_at: z.coerce.number().nullable(),
})

/** An account. */
export interface User {
  readonly id: string
  readonly username: string
  readonly email: string
  readonly fullName: string
  readonly passwordHash: string
  readonly isStaff: boolean
  /** Chosen at registration; null for none. */
  readonly language: string | null
}

/** What it takes to open one. The password is hashed already: it never travels further than the form. */
export interface NewUser {
  readonly username: string
  readonly email: string
  readonly fullName: string
  readonly passwordHash: string
  readonly isStaff?: boolean
  readonly language?: string
  readonly newsletter?: boolean
  readonly address?: { line1: string; line2?: string; city: string; postcode: string; country: string }
}

/** The username is in use. */
export class UsernameTakenError extends Error {
  override readonly name = 'UsernameTakenError'
}

/** Accounts in the database. Usernames are unique whatever their case. */
export class Users {
  readonly #knex: Knex
  readonly #secrets: readonly [string, ...string[]]

  constructor(knex: Knex, secrets: readonly [string, ...string[]]) {
    this.#knex = knex
    this.#secrets = secrets
  }

  /** An enabled account, or undefined. */
  async byId(id: string): Promise<User | undefined> {
    return /^\d{1,15}$/.test(id) ? await this.#one({ id: Number(id) }) : undefined
  }

  async byUsername(username: string): Promise<User | undefined> {
    return await this.#one({ username_key: usernameKey(username) })
  }

  /** Whether the name is in use, by a disabled account too. */
  async isTaken(username: string): Promise<boolean> {
    return (
      (await this.#knex('users')
        .where({ username_key: usernameKey(username) })
        .first('id')) !== undefined
    )
  }

  /** @throws UsernameTakenError; the database decides, so that of two at once only one succeeds. */
  async create(user: NewUser): Promise<User> {
    const { address } = user
    const values = {
      username: user.username,
      username_key: usernameKey(user.username),
      email: user.email,
      full_name: user.fullName,
      password_hash: user.passwordHash,
      is_staff: user.isStaff ?? false,
      line1: address?.line1 ?? null,
      line2: address?.line2 ?? null,
      city: address?.city ?? null,
      postcode: address?.postcode ?? null,
      country: address?.country ?? null,
      language: user.language ?? null,
      newsletter: user.newsletter ?? false,
      created_at: Date.now(),
    }
    const inserted = await this.#knex('users').insert(values).onConflict('username_key').ignore()
    const created = await this.byUsername(user.username)
    // A row with another hash is somebody else's; with this very hash it is this registration, sent twice.
    if (inserted === undefined || created?.passwordHash !== user.passwordHash)
      throw new UsernameTakenError(user.username)
    return created
  }

  async setPassword(id: string, password: string): Promise<User | undefined> {
    await this.#knex('users')
      .where({ id: Number(id) })
      .update({ password_hash: await hashPassword(password) })
    return await this.byId(id)
  }

  /** Kept in the session, so that a new password ends every session of the old one, on every engine (Django does the same). */
  authHash(user: User): string {
    return authHash(user, this.#secrets[0])
  }

  /** Whether a session's hash is of the current password, under any current secret. */
  authHashMatches(user: User, candidate: unknown): boolean {
    if (typeof candidate !== 'string') return false
    return this.#secrets.some((secret) => {
      const expected = Buffer.from(authHash(user, secret))
      const given = Buffer.from(candidate)
      return expected.length === given.length && timingSafeEqual(expected, given)
    })
  }

  async #one(where: Record<string, string | number>): Promise<User | undefined> {
    const found: unknown = await this.#knex('users').where(where).whereNull('disabled_at').first()
    if (found === undefined) return undefined
    const { id, username, email, full_name, password_hash, is_staff, language } = row.parse(found)
    return {
      id: String(id),
      username,
      email,
      fullName: full_name,
      passwordHash: password_hash,
      isStaff: is_staff,
      language,
    }
  }
}

function usernameKey(username: string): string {
  return username.normalize('NFKC').toLowerCase()
}

function authHash(user: User, secret: string): string {
  return createHmac('sha256', `users.authHash ${secret}`).update(`${user.id}:${user.passwordHash}`).digest('base64url')
}
