import type { Services } from '../services.ts'
import type { NewSession } from '../session/index.ts'
import { isLoopback, networkOf } from './network.ts'

const MINUTE_MS = 60_000
const NEARLY = 0.8
// After the limit was lowered a user may have many more; a sign-in must stay quick.
const MAX_ENDED_AT_ONCE = 20

type Uses = Pick<Services, 'config' | 'engine' | 'facts' | 'observe' | 'log'>

/** Too many anonymous visitors of one network began a session. */
export class TooManySessionsError extends Error {
  readonly status = 429
  readonly expose = true
  readonly headers: Readonly<Record<string, string>>

  /** @param seconds until new ones are accepted again */
  constructor(seconds: number) {
    super('Too many new visits come from your network at the moment. Please try again in a minute.')
    this.name = 'TooManySessionsError'
    this.headers = { 'Retry-After': String(seconds) }
  }
}

/**
 * Limits the new sessions of anonymous visitors per network and minute, counted in the memory of this process: a database
 * would need one more write for each, which is what the limit is to prevent. Undefined if there is no limit, or if
 * sessions are only in cookies, so that none takes space.
 */
export function limitNewSessions(
  { config, facts, observe }: Pick<Uses, 'config' | 'facts' | 'observe'>,
  now: () => number = Date.now,
): ((session: NewSession) => void) | undefined {
  const limit = config.session.maxNewPerMinute
  if (limit === 0 || facts.inCookies === 'all') return undefined
  const counts = new Map<string, number>()
  let minute = 0
  return ({ client, userId }) => {
    // Sign-ins have another limit. All visitors would have this machine's address, if a proxy on it is not trusted.
    const network = userId === null && !isLoopback(client.ipAddress) ? networkOf(client.ipAddress) : undefined
    if (network === undefined) return
    if (Math.trunc(now() / MINUTE_MS) !== minute) counts.clear()
    minute = Math.trunc(now() / MINUTE_MS)
    const count = (counts.get(network) ?? 0) + 1
    counts.set(network, count)
    // Once per network and minute, so that a flood does not fill the log.
    if (count === Math.ceil(limit * NEARLY)) observe({ type: 'session-limit', of: 'address', state: 'nearly', limit })
    if (count === limit + 1) observe({ type: 'session-limit', of: 'address', state: 'exceeded', limit })
    if (count > limit) throw new TooManySessionsError(Math.ceil(((minute + 1) * MINUTE_MS - now()) / 1000))
  }
}

/**
 * Before a user gets one more session: ends those above SESSION_MAX_PER_USER that were not used for longest, as far as the
 * engine lists them.
 *
 * @param currentId the public id of the session in which the user signs in; null if it is new
 * @param save saves this session; called before others end, which must not be lost for a sign-in that fails
 * @throws StoreUnavailableError, SessionContendedError
 */
export async function makeRoomFor(
  { config, engine, observe, log }: Uses,
  userId: string,
  currentId: string | null,
  save: () => Promise<void>,
): Promise<void> {
  const limit = config.session.maxPerUser
  if (limit === 0) return
  const { listed } = await engine.listUser(userId, currentId)
  const others = listed.filter(({ current }) => !current).sort((one, other) => one.lastActivity - other.lastActivity)
  const over = Math.min(others.length + 1 - limit, MAX_ENDED_AT_ONCE)
  if (over > 0) {
    await save()
    for (const { id } of others.slice(0, over)) await engine.endOne(userId, id)
    log.info({ user: userId, ended: over }, 'oldest sessions ended')
    observe({ type: 'session-limit', of: 'user', state: 'exceeded', limit })
  } else if (others.length + 1 >= limit * NEARLY) {
    observe({ type: 'session-limit', of: 'user', state: 'nearly', limit })
  }
}
