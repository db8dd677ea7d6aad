import { retry } from '../core/retry.ts'
import { knowsUsers, NotSupportedError, type SessionStore } from '../stores/store.ts'
import type { UserSessions } from './engine.ts'

/**
 * Ends all sessions of a user except the one with this public id; returns the number of deleted records.
 *
 * @throws NotSupportedError, SessionContendedError
 */
export async function endSessionsOf(store: SessionStore, userId: string, exceptId: string | null): Promise<number> {
  if (!knowsUsers(store))
    throw new NotSupportedError(`The store "${store.name}" does not know the users of its sessions.`)
  let ended = 0
  // A session whose key changes meanwhile has another record afterwards.
  return await retry(async () => {
    ended += await store.endByUser(userId, exceptId ?? undefined)
    if ((await store.listByUser(userId)).every(({ id }) => id === exceptId)) return ended
    return undefined
  })
}

/**
 * Ends the session of this user with this public id; false if there is none.
 *
 * @throws SessionContendedError
 */
export async function endSessionOf(store: SessionStore, userId: string, id: string): Promise<boolean> {
  let ended = false
  return await retry(async () => {
    const records = ((await recordsOf(store, userId)) ?? []).filter((session) => session.id === id)
    if (records.length === 0) return ended
    for (const { key } of records) ended = (await store.delete(key)) === 'done' || ended
    // Its key may have changed meanwhile.
    return undefined
  })
}

/** The sessions of a user, latest activity first; none if the store does not know its users. */
export async function sessionsOf(store: SessionStore, userId: string, currentId: string | null): Promise<UserSessions> {
  const sessions = await recordsOf(store, userId)
  if (sessions === undefined) return { listed: [], complete: false, endable: false }
  // During a change of key a session has two records; the later one is kept.
  const byId = new Map(sessions.reverse().map(({ key: _key, ...session }) => [session.id, session]))
  const listed = [...byId.values()].reverse().map((session) => ({ ...session, current: session.id === currentId }))
  return { listed, complete: true, endable: true }
}

/** The records of a user, latest activity first; undefined if the store, or its table, does not know its users. */
async function recordsOf(store: SessionStore, userId: string) {
  try {
    return knowsUsers(store) ? await store.listByUser(userId) : undefined
  } catch (error) {
    if (error instanceof NotSupportedError) return undefined
    throw error
  }
}
