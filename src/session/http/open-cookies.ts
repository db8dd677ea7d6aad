import type { Account, AccountStore, NoAccount } from '../account.ts'
import { userIdOf } from '../core/user.ts'
import type { Engine, Opened } from '../engines/engine.ts'

// More than one is a leftover of another path or an attack; so many are no leftover.
const MAX_COOKIES = 4

/** A session with the cookie that led to it, and the account of its user. */
export type Found = Opened & { readonly value?: string; readonly account?: Account | NoAccount }

/** Where cookies may lead. */
interface Cookies {
  readonly engine: Engine
  readonly accounts?: AccountStore | undefined
}

/**
 * Finds where the cookies of one name lead, and the account of whoever is signed in there.
 *
 * @param settings those of the sessions
 * @param values what the Cookie header gives under the name of the settings' cookie
 * @throws StoreUnavailableError; SessionContendedError where the session of an account that is gone could not be ended
 */
export async function openCookies(settings: Cookies, values: readonly string[]): Promise<Found> {
  const { engine, accounts } = settings
  const found = await openLive(engine, values)
  const userId = found.live ? userIdOf(found.loaded.data) : null
  if (!found.live || userId === null || accounts === undefined) return found
  const account = await accounts.load(userId, found.loaded.data)
  if (account !== 'gone') return { ...found, account }
  // Or it would come back with the account.
  await engine.end(found.loaded)
  return { live: false }
}

/** Of several cookies only one may be alive, because their order is anybody's choice. */
async function openLive(engine: Engine, values: readonly string[]): Promise<Found> {
  const [value] = values
  if (value === undefined) return { live: false }
  if (values.length === 1) return { ...(await engine.open(value)), value }
  if (values.length > MAX_COOKIES) return { live: false, suspicion: 'duplicate-cookie' }
  const all = await Promise.all(values.map(async (one) => ({ ...(await engine.open(one)), value: one })))
  const [first, second] = all.filter(({ live }) => live)
  return first !== undefined && second === undefined ? first : { live: false, suspicion: 'duplicate-cookie' }
}
