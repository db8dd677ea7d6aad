import { retry } from '../core/retry.ts'
import { knowsUsers, NotSupportedError, type SessionStore } from '../stores/store.ts'
import type { UserSessions } from './engine.ts'

/**
 * Ends all sessions of a user but the one with this public id, and returns how many records that were.
 *
 * @throws NotSupportedError, SessionContendedError
 */
export async function endSessionsOf(store: SessionStore, userId: string, exceptId: string | null): Promise<number> {
  if (!knowsUsers(store)) throw new NotSupportedError(`The store "${store.name}" cannot tell whose sessions it keeps.`)
  let ended = 0
  // A session that changes its key at that moment has another record afterwards.
  return await retry(async () => {
    ended += await store.endByUser(userId, exceptId ?? undefined)
    if ((await store.listByUser(userId)).every(({ id }) => id === exceptId)) return ended
    return undefined
  })
}

/**
 * Ends the session of this user with this public id; false when there is none.
 *
 * @throws SessionContendedError
 */
export async function endSessionOf(store: SessionStore, userId: string, id: string): Promise<boolean> {
  if (!knowsUsers(store)) return false
  let ended = false
  return await retry(async () => {
    const records = (await store.listByUser(userId)).filter((session) => session.id === id)
    if (records.length === 0) return ended
    for (const { key } of records) ended = (await store.delete(key)) === 'done' || ended
    // It may have changed its key at that moment.
    return undefined
  })
}

/** The sessions of a user, the latest activity first; none where the store cannot tell whose they are. */
export async function sessionsOf(store: SessionStore, userId: string, currentId: string | null): Promise<UserSessions> {
  try {
    if (!knowsUsers(store)) return UNKNOWN
    const sessions = await store.listByUser(userId)
    // While it changes its key a session has two records; the later one is set last and stays.
    const byId = new Map(sessions.reverse().map(({ key: _key, ...session }) => [session.id, session]))
    const listed = [...byId.values()].reverse().map((session) => ({ ...session, current: session.id === currentId }))
    return { listed, complete: true, endable: true }
  } catch (error) {
    if (!(error instanceof NotSupportedError)) throw error
    return UNKNOWN
  }
}

const UNKNOWN: UserSessions = { listed: [], complete: false, endable: false }
