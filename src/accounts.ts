import { toStoreError } from './session/core/error-codes.ts'
import type { Account, AccountChange, AccountStore, NoAccount, SessionData } from './session/index.ts'
import type { SharedSignIns } from './storage/part.ts'
import type { User, Users } from './users.ts'

/** As Django names it: the hash of the password that the session was opened with. */
export const HASH_KEY = '_auth_user_hash'

// Django writes it beside the hash; this application does not.
const DJANGO_KEY = '_auth_user_backend'

/** Returns whether another application that shares this session has signed its user in. */
export function isSignInElsewhere(session: { get(key: string): unknown }): boolean {
  return session.get(DJANGO_KEY) !== undefined
}

/** A user, as the session engine sees an account. */
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

/** Checks the user of a session against the users table, and stores account data there. */
export class Accounts implements AccountStore {
  readonly #users: Users
  readonly #lateRequestMs: number
  readonly #signIns: SharedSignIns | undefined

  /**
   * @param lateRequestSeconds how long a request which read the session before a password change may still write
   * @param signIns those of another application whose users are the same as ours; none by default
   */
  constructor(users: Users, lateRequestSeconds: number, signIns?: SharedSignIns) {
    this.#users = users
    this.#lateRequestMs = lateRequestSeconds * 1000
    this.#signIns = signIns
  }

  async load(userId: string, session?: SessionData): Promise<UserAccount | NoAccount> {
    const user = await this.#users.byId(userId).catch(unavailable)
    const hashMatches = user !== undefined && this.#users.authHashMatches(user, session?.[HASH_KEY])
    if (hashMatches || (user !== undefined && session === undefined)) return new UserAccount(user)
    if (session?.[DJANGO_KEY] !== undefined) {
      // Its user is ours only if the settings say so. Otherwise only Django can check or end the sign-in.
      const isOurs = user !== undefined && (await this.#signIns?.prove(userId, session).catch(unavailable)) === true
      return isOurs ? new UserAccount(user) : 'other-application'
    }
    if (user === undefined) return 'gone'
    return Date.now() - user.passwordChangedAt < this.#lateRequestMs ? 'changing' : 'unproven'
  }

  async save(change: AccountChange): Promise<boolean> {
    return await this.#users.saveAccount(change).catch(unavailable)
  }
}

function unavailable(error: unknown): never {
  throw toStoreError(error)
}
