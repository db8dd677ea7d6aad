import { beginSessions, post, stateOf, statesOf, type Visitor } from './visitors.ts'

/**
 * Checks that every change with a response was saved. One more change per connection may be saved, which was in flight when
 * the load stopped.
 */
export async function checkChanges(
  origin: string,
  visitors: readonly Visitor[],
  answered: number,
  connections: number,
): Promise<Record<string, number>> {
  const states = await statesOf(origin, visitors)
  const saved = states.reduce((sum, state) => sum + (state?.changes ?? 0), 0)
  const ended = states.filter((state) => state === undefined).length
  return {
    ...(ended > 0 ? { 'a session lost': ended } : {}),
    ...(saved < answered ? { 'a change not saved': answered - saved } : {}),
    ...(saved > answered + connections ? { 'a change saved twice': saved - answered } : {}),
  }
}

/** Checks that a login is saved under a new key, and that the old one does not show it if the engine can revoke it. */
export async function checkLogin(origin: string, revokes: boolean): Promise<Record<string, number>> {
  const [visitor] = await beginSessions(origin, 1)
  if (visitor === undefined) return {}
  const before = { ...visitor }
  const { status } = await post(origin, 'login', visitor)
  const state = await stateOf(origin, visitor)
  const old = revokes ? await stateOf(origin, before) : undefined
  // For late requests it may still show the session as it was.
  const shown = old !== undefined && (old.user !== null || old.logins > 0)
  const saved = status === 200 && state?.logins === 1 && state.user === '1'
  return {
    ...(saved ? {} : { 'a login not saved': 1 }),
    ...(visitor.cookie === before.cookie ? { 'the key from before the login': 1 } : {}),
    ...(shown ? { 'a login shown under the old key': 1 } : {}),
  }
}
