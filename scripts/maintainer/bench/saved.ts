import { beginSessions, post, stateOf, statesOf, type Visitor } from './visitors.ts'

/**
 * Whether every change that was answered is there. A change that was under way when the load hung up may be there as
 * well, one for each connection.
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

/** Whether a login saves what it should under a new key, and the old one shows nothing of it where it can be taken out of use. */
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
