import { type Json, plainJson } from './core/data.ts'
import { USER_KEY } from './core/user.ts'
import { type Session, stateOf } from './session.ts'
import { declaredSlices } from './slice.ts'

/** Options for {@link signIn}. */
export interface SignInOptions {
  /** What the application says of the sign-in, such as its proof and time; left out where another request was first. */
  readonly data?: Readonly<Record<string, Json>>
}

/**
 * Binds a session to a user: slices follow their login rule, the account takes over what it is to keep, the key changes,
 * and the absolute age counts from now (ASVS 7.2.4). Another user's session is ended first, as in Django.
 *
 * @throws SessionEndedError where there is no such account; StoreUnavailableError; Error, with nothing changed, after the
 *   headers were sent
 */
export async function signIn(session: Session, userId: string, { data = {} }: SignInOptions = {}): Promise<void> {
  const state = stateOf(session)
  // Not once it names the user, or a handler that goes on would store that under the old key.
  state.mayBeChanged(true)
  if (session.userId !== null && session.userId !== userId) await session.flush()
  // What does not prove its user any more is left behind, and the sign-in begins another session.
  state.beginAnother()
  const account = await state.account.load(userId)
  // What a handler has changed in place so far is no part of the sign-in.
  state.document.notice()
  // What is part of it is left out where another request signed the same user in first.
  state.document.operations.signingIn(() => {
    for (const slice of declaredSlices()) {
      if (slice.login === 'drop' && !(slice.account && session.account !== undefined)) session.drop(slice)
    }
    session.set(USER_KEY, userId)
    session.assign(data)
    if (account !== undefined) state.account.attach(account)
  })
  await session.cycleKey({ restartClock: true })
}

/**
 * Ends a session; slices whose logout rule is `keep` begin a new, anonymous one, as they were when it ended. Where the
 * session goes on as somebody else's, nothing begins: the browser has the cookie of that one.
 *
 * @throws StoreUnavailableError, SessionContendedError when it cannot be told that it is ended; Error, with nothing ended,
 *   after the headers were sent, where a new session is to begin or the cookie itself holds the session
 */
export async function signOut(session: Session): Promise<void> {
  const state = stateOf(session)
  const keeps = [...declaredSlices()].some(
    ({ logout, name }) => logout === 'keep' && state.document.data[name] !== undefined,
  )
  // Not once it has ended: whoever calls this must be able to answer that it has not.
  state.mayBeChanged(keeps || state.needsCookie)
  const last = await state.end()
  if (last === undefined) return
  for (const slice of declaredSlices()) {
    const stored = last[slice.name]
    if (slice.logout === 'keep' && stored !== undefined) state.slices.restore(slice, plainJson(stored))
  }
}
