import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import { allOrNothing } from './all-or-nothing.ts'
import { isDuplicate } from './session/core/error-codes.ts'
import { type Account, type AccountChange, asData } from './session/index.ts'

const row = z.object({
  id: z.coerce.number().int(),
  username: z.string(),
  email: z.string(),
  full_name: z.string(),
  password_hash: z.string(),
  is_staff: z.coerce.boolean(),
  language: z.string().nullable(),
  account_version: z.coerce.number().int(),
  account_data: z.string().nullable(),
  password_changed_at: z.coerce.number().nullable(),
})

const names = z.array(row.pick({ id: true, username: true }))

/** How many accounts with one e-mail address {@link Users.byUsernameOrEmail} returns. */
export const MAX_SAME_EMAIL = 20
const DAY_MS = 24 * 60 * 60_000
const RESUBMISSION_MS = 10 * 60_000

/** What is left of a deleted account. */
const NOBODY = {
  email: '',
  full_name: '',
  password_hash: '',
  registration_id: null,
  is_staff: false,
  line1: null,
  line2: null,
  city: null,
  postcode: null,
  country: null,
  language: null,
  newsletter: false,
  account_data: null,
  signed_in_at: null,
}

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
  /** Session data that is stored with the account. */
  readonly account: Account
  /** Milliseconds since 1970; 0 if it was never changed. */
  readonly passwordChangedAt: number
}

/** An account to create. */
export interface NewUser {
  readonly username: string
  readonly email: string
  readonly fullName: string
  readonly passwordHash: string
  /** A random id, so that a registration that is sent twice within ten minutes is recognised. */
  readonly registrationId?: string
  readonly isStaff?: boolean
  readonly language?: string
  readonly newsletter?: boolean
  readonly address?: { line1: string; line2?: string; city: string; postcode: string; country: string }
}

/** Deletes the rows of a user. */
export type DeleteRows = (userId: string, knex: Knex) => Promise<void>

/** The username is taken. */
export class UsernameTakenError extends Error {
  override readonly name = 'UsernameTakenError'
}

// PostgreSQL refuses to compare its column with more. Users of other applications that share sessions may have larger ids.
const MAX_ID = 2_147_483_647

/** Accounts in the database. Usernames are unique regardless of case. */
export class Users {
  readonly #knex: Knex
  readonly #secrets: readonly [string, ...string[]]
  readonly #deletions: DeleteRows[] = []

  constructor(knex: Knex, secrets: readonly [string, ...string[]]) {
    this.#knex = knex
    this.#secrets = secrets
  }

  /** An enabled account, or undefined. */
  async byId(id: string): Promise<User | undefined> {
    return isId(id) ? await this.#one({ id: Number(id) }) : undefined
  }

  /** An enabled account, or undefined. */
  async byUsername(username: string): Promise<User | undefined> {
    const found = await this.#one({ username_key: usernameKey(username) })
    // For MariaDB "àda" equals "ada".
    return found !== undefined && usernameKey(found.username) === usernameKey(username) ? found : undefined
  }

  /**
   * The accounts with this username, or with this e-mail address, which several may have: the 20 that have signed in last.
   * Addresses are not verified, so that others could register any number with the address of somebody else.
   */
  async byUsernameOrEmail(text: string): Promise<User[]> {
    if (!text.includes('@')) return [await this.byUsername(text)].filter((user) => user !== undefined)
    const ids: number[] = await this.#enabled()
      .whereRaw('LOWER(email) = ?', [text.toLowerCase()])
      // Some databases sort null first.
      .orderByRaw('COALESCE(signed_in_at, 0) DESC, id')
      .limit(MAX_SAME_EMAIL)
      .pluck('id')
    const found = await Promise.all(ids.map((id) => this.byId(String(id))))
    return found.filter((user) => user !== undefined)
  }

  /** The usernames of these accounts by id; without those that are disabled or unknown. */
  async namesOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const known = [...new Set(ids)].filter(isId)
    if (known.length === 0) return new Map()
    const rows: unknown = await this.#enabled().whereIn('id', known.map(Number)).select('id', 'username')
    return new Map(names.parse(rows).map(({ id, username }) => [String(id), username]))
  }

  /** Returns whether an account has this name; disabled ones count. */
  async isTaken(username: string): Promise<boolean> {
    return (
      (await this.#knex('users')
        .where({ username_key: usernameKey(username) })
        .first('id')) !== undefined
    )
  }

  /**
   * Creates an account, or returns the one that the same registration has created in the last ten minutes.
   *
   * @throws UsernameTakenError; the database decides, so that of two concurrent calls only one succeeds
   */
  async create(user: NewUser): Promise<User> {
    const { address } = user
    const values = {
      username: user.username,
      username_key: usernameKey(user.username),
      email: user.email,
      full_name: user.fullName,
      password_hash: user.passwordHash,
      registration_id: user.registrationId ?? null,
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
    // Not `onConflict().ignore()`, which on MariaDB ignores every other error, too.
    const duplicate = await this.#knex('users')
      .insert(values)
      .then(
        () => undefined,
        (error: unknown) => (isDuplicate(error) ? error : Promise.reject(error)),
      )
    if (duplicate !== undefined && !(await this.#wasCreatedBy(user))) {
      // Another unique column, which an application may add.
      if (!(await this.isTaken(user.username))) throw duplicate
      throw new UsernameTakenError(user.username)
    }
    const created = await this.byUsername(user.username)
    // Disabled since.
    if (created === undefined) throw new UsernameTakenError(user.username)
    return created
  }

  /**
   * Changes the password to the one with this hash; undefined if it is no longer that of `user`, or the account is gone.
   * The account version rises, so that requests which read the old one cannot change account data without the new
   * password.
   *
   * @param knex a transaction, to change something else with it
   */
  async changePassword(user: User, passwordHash: string, knex = this.#knex): Promise<User | undefined> {
    const changed = await this.#enabled(knex)
      .where({ id: Number(user.id), password_hash: user.passwordHash })
      .update({ password_hash: passwordHash, password_changed_at: Date.now() })
      .increment('account_version')
    return changed === 0 ? undefined : await this.#one({ id: Number(user.id) }, knex)
  }

  /**
   * Deletes an account; returns false if its password was changed meanwhile, or it is gone. Its row stays, disabled and
   * without anything of the person, because orders refer to it; the username is free again.
   */
  async delete(user: User): Promise<boolean> {
    // Usernames have no colon.
    const name = `deleted:${user.id}`
    const deleted = await allOrNothing(this.#knex, async (trx) => {
      // First: a feature that changes its rows and then the user, in one transaction, would deadlock with the other order.
      for (const deleteRows of this.#deletions) await deleteRows(user.id, trx)
      const changed = await this.#enabled(trx)
        .where({ id: Number(user.id), password_hash: user.passwordHash })
        .update({ ...NOBODY, username: name, username_key: name, disabled_at: Date.now() })
        .increment('account_version')
      return changed > 0 || undefined
    })
    return deleted !== undefined
  }

  /** Adds what else is deleted with an account, in the same transaction; for features with tables of users. */
  onDelete(deleteRows: DeleteRows): void {
    this.#deletions.push(deleteRows)
  }

  /** Stores when a user has signed in, to the day. */
  async noteSignIn({ id }: User): Promise<void> {
    const now = Date.now()
    await this.#enabled()
      .where({ id: Number(id) })
      .whereRaw('COALESCE(signed_in_at, 0) <= ?', [now - DAY_MS])
      .update({ signed_in_at: now })
  }

  /** Makes an account staff or an ordinary one; returns false if no enabled account has the name. */
  async setStaff(username: string, isStaff: boolean): Promise<boolean> {
    const changed = await this.#enabled()
      .where({ username_key: usernameKey(username) })
      .update({ is_staff: isStaff })
    return changed > 0
  }

  /**
   * Replaces the account data; returns false if the account has another version by now, or is gone.
   *
   * @param knex a transaction, to save something else with it
   */
  async saveAccount({ userId, version, data }: AccountChange, knex = this.#knex): Promise<boolean> {
    const changed = await this.#enabled(knex)
      .where({ id: Number(userId), account_version: version })
      .update({ account_version: version + 1, account_data: JSON.stringify(data) })
    return changed > 0
  }

  /** Stored in the session, so that a new password ends all sessions of the old one, on every engine (as in Django). */
  authHash(user: User): string {
    return authHash(user, this.#secrets[0])
  }

  /** Returns whether the hash in a session is that of the current password, with any of the secrets. */
  authHashMatches(user: User, candidate: unknown): boolean {
    return this.#secrets.some((secret) => isHash(candidate, authHash(user, secret)))
  }

  /** Returns whether the hash was made with the newest secret, so that the others can be removed. */
  isNewestAuthHash(user: User, candidate: unknown): boolean {
    return isHash(candidate, this.authHash(user))
  }

  async #wasCreatedBy({ username, registrationId }: NewUser): Promise<boolean> {
    if (registrationId === undefined) return false
    const where = { username_key: usernameKey(username), registration_id: registrationId }
    const since = Date.now() - RESUBMISSION_MS
    return (await this.#knex('users').where(where).where('created_at', '>', since).first('id')) !== undefined
  }

  async #one(where: Record<string, string | number>, knex = this.#knex): Promise<User | undefined> {
    const found: unknown = await this.#enabled(knex).where(where).first()
    if (found === undefined) return undefined
    const { id, username, email, full_name, password_hash, is_staff, language, ...kept } = row.parse(found)
    return {
      id: String(id),
      username,
      email,
      fullName: full_name,
      passwordHash: password_hash,
      isStaff: is_staff,
      language,
      account: { version: kept.account_version, ...dataOf(kept.account_data) },
      passwordChangedAt: kept.password_changed_at ?? 0,
    }
  }

  #enabled(knex = this.#knex) {
    return knex('users').whereNull('disabled_at')
  }
}

/** Damaged data must not prevent the sign-in, and must not count as empty. */
function dataOf(text: string | null): Pick<Account, 'data' | 'unreadable'> {
  try {
    return { data: asData(JSON.parse(text ?? '{}')) }
  } catch {
    return { data: asData({}), unreadable: true }
  }
}

/** The same for every spelling of a username. */
export function usernameKey(username: string): string {
  return username.normalize('NFKC').toLowerCase()
}

function isId(id: string): boolean {
  return /^[1-9]\d{0,9}$/.test(id) && Number(id) <= MAX_ID
}

function isHash(candidate: unknown, hash: string): boolean {
  if (typeof candidate !== 'string') return false
  const [given, expected] = [Buffer.from(candidate), Buffer.from(hash)]
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function authHash(user: User, secret: string): string {
  return createHmac('sha256', `users.authHash ${secret}`).update(`${user.id}:${user.passwordHash}`).digest('base64url')
}
