import { createHash, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import { allOrNothing } from '../../all-or-nothing.ts'
import type { User, Users } from '../../users.ts'

const row = z.object({ user_id: z.coerce.number().int(), created_at: z.coerce.number() })

const CLEAR_BATCH = 500

/** Single-use tokens for a new password: 256 random bits, of which the table has only the SHA-256 hash. */
export class ResetTokens {
  readonly #knex: Knex
  readonly #users: Users
  readonly #maxAgeMs: number

  /** @param maxAge seconds */
  constructor(knex: Knex, users: Users, maxAge: number) {
    this.#knex = knex
    this.#users = users
    this.#maxAgeMs = maxAge * 1000
  }

  /** A new token for this user, which replaces an earlier one. */
  async create({ id }: User): Promise<string> {
    const token = randomBytes(32).toString('base64url')
    const values = { user_id: Number(id), token_hash: hashOf(token), created_at: Date.now() }
    await this.#table().insert(values).onConflict('user_id').merge()
    return token
  }

  /** Deletes expired tokens. */
  async clearExpired(): Promise<void> {
    const before = Date.now() - this.#maxAgeMs
    const ids: number[] = await this.#table().where('created_at', '<=', before).limit(CLEAR_BATCH).pluck('user_id')
    // A new token of the same user stays.
    await this.#table().whereIn('user_id', ids).where('created_at', '<=', before).delete()
  }

  /** The user that this token is for; undefined if it is invalid. Changes nothing. */
  async userOf(token: string): Promise<User | undefined> {
    const found: unknown = await this.#table()
      .where({ token_hash: hashOf(token) })
      .first()
    if (found === undefined) return undefined
    const { user_id, created_at } = row.parse(found)
    if (Date.now() - created_at >= this.#maxAgeMs) return undefined
    const user = await this.#users.byId(String(user_id))
    // A password that was changed in another way ends the links to a new one, too.
    return user !== undefined && user.passwordChangedAt < created_at ? user : undefined
  }

  /**
   * Uses the token up and changes the password, or does neither. Undefined if another request has used it first, or the
   * password or the account was changed since `user` was read.
   */
  async use(token: string, user: User, passwordHash: string): Promise<User | undefined> {
    return await allOrNothing(this.#knex, async (trx) => {
      const used = await this.#table(trx)
        .where({ token_hash: hashOf(token) })
        .delete()
      return used === 0 ? undefined : await this.#users.changePassword(user, passwordHash, trx)
    })
  }

  /** Deletes the token of a user, if there is one. */
  async delete(userId: string, knex: Knex): Promise<void> {
    await this.#table(knex)
      .where({ user_id: Number(userId) })
      .delete()
  }

  #table(knex: Knex = this.#knex) {
    return knex('password_resets')
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
