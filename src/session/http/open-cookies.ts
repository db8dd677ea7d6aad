import type { Account, AccountStore, NoAccount } from '../account.ts'
import { StorageTime } from '../core/storage-time.ts'
import { endOfTurn } from '../core/turn.ts'
import { userIdOf } from '../core/user.ts'
import type { Engine, Opened } from '../engines/engine.ts'
import type { LostSession } from '../session-context.ts'

// A second one is a leftover of another path or an attack; more than this are an attack.
const MAX_COOKIES = 4

/**
 * The result of {@link openCookies}: the session, its cookie value, its user's account, and how long its request may still
 * wait for storage.
 *
 * @example
 * const userId = (found: Found) => (found.live ? userIdOf(found.loaded.data) : null)
 */
export type Found = Opened & {
  readonly value?: string
  readonly account?: Account | NoAccount
  readonly time?: StorageTime
}

/** Returns why there is no session; undefined if there is one, or there was no cookie. */
export function lostSession(found: Found, cookies: number): LostSession | undefined {
  if (found.live) return found.account === 'unproven' || found.account === 'changing' ? 'unproven' : undefined
  if (cookies === 0) return undefined
  if (found.account === 'gone') return 'gone'
  if (found.suspicion === undefined) return 'expired'
  return found.suspicion === 'revoked' ? 'revoked' : 'unknown'
}

/** Where sessions and accounts are. */
interface Cookies {
  readonly engine: Engine
  readonly accounts?: AccountStore | undefined
  /** Milliseconds that the request waits for all storage together; 1000 by default. */
  readonly storeTimeout?: number
}

/**
 * Opens the session of the given cookie values, and the account of its user.
 *
 * @param values all values of the session cookie in the Cookie header
 * @throws StoreUnavailableError when the storage does not answer in time; SessionContendedError if the session of a deleted account
 *   could not be ended
 * @example
 * const found = await openCookies(settings, cookieValues(ctx.headers.cookie, settings.cookie.name))
 */
export async function openCookies(settings: Cookies, values: readonly string[]): Promise<Found> {
  const { engine, accounts } = settings
  // Before anything is decrypted or read: see endOfTurn.
  if (values.length > 0) await endOfTurn()
  const time = new StorageTime(settings.storeTimeout)
  const [value] = values
  const found =
    value !== undefined && values.length === 1
      ? foundUnder(await time.wait(() => engine.open(value)), value, time)
      : await openOnly(engine, values, time)
  const userId = found.live ? userIdOf(found.loaded.data) : null
  if (!found.live || userId === null || accounts === undefined) return found
  const account = await time.wait(() => accounts.load(userId, found.loaded.data))
  // Into the same object, not spread: see `withVersion` of the stores.
  if (account !== 'gone') return Object.assign(found, { account })
  // Otherwise it would come back if the account is enabled again.
  await time.wait(() => engine.end(found.loaded))
  return { live: false, account, time }
}

function foundUnder(opened: Opened, value: string, time: StorageTime): Found {
  return opened.live ? { live: true, loaded: opened.loaded, value, time } : { ...opened, value, time }
}

/** Of several cookies only one may be live, because an attacker can choose their order. */
async function openOnly(engine: Engine, values: readonly string[], time: StorageTime): Promise<Found> {
  if (values.length === 0) return { live: false, time }
  if (values.length > MAX_COOKIES) return { live: false, suspicion: 'duplicate-cookie', time }
  const open = async (value: string) => foundUnder(await time.wait(() => engine.open(value)), value, time)
  const [first, second] = (await Promise.all(values.map(open))).filter(({ live }) => live)
  return first !== undefined && second === undefined ? first : { live: false, suspicion: 'duplicate-cookie', time }
}
