import { driverFailure } from './session/core/error-codes.ts'
import type { Account, AccountChange, AccountStore, NoAccount, SessionData } from './session/index.ts'
import type { User, Users } from './users.ts'

/** As Django names it: the hash of the password that the session was opened with. */
export const HASH_KEY = '_auth_user_hash'

// What Django says beside it, and this application does not.
const DJANGO_KEY = '_auth_user_backend'

/** A user with what the account keeps. */
export class UserAccount implements Account {
  readonly user: User

  constructor(user: User) {
    this.user = user
  }

  get version(): number {
    return this.user.account.version
  }

  get data(): SessionData {
    return this.user.account.data
  }

  get unreadable(): boolean {
    return this.user.account.unreadable === true
  }
}

/** Tells sessions whether their user is still who they say, and keeps what accounts keep, in the users' table. */
export class Accounts implements AccountStore {
  readonly #users: Users
  readonly #requestTimeout: number

  /** @param requestTimeout seconds: whoever read a session before its password changed may write for as long */
  constructor(users: Users, requestTimeout: number) {
    this.#users = users
    this.#requestTimeout = requestTimeout * 1000
  }

  async load(userId: string, session?: SessionData): Promise<UserAccount | NoAccount> {
    const user = await this.#users.byId(userId).catch(unavailable)
    const isProved = user !== undefined && this.#users.authHashMatches(user, session?.[HASH_KEY])
    if (isProved || (user !== undefined && session === undefined)) return new UserAccount(user)
    // Signed in by a Django application that shares this session: not ours to judge, and not ours to end.
    if (session?.[DJANGO_KEY] !== undefined) return 'foreign'
    if (user === undefined) return 'gone'
    return Date.now() - user.passwordChangedAt < this.#requestTimeout ? 'changing' : 'unproven'
  }

  async save(change: AccountChange): Promise<boolean> {
    return await this.#users.saveAccount(change).catch(unavailable)
  }
}

function unavailable(error: unknown): never {
  throw driverFailure(error)
}
