import { type Json, plainJson } from './core/data.ts'
import { isUserId, USER_KEY } from './core/user.ts'
import { type Session, stateOf } from './session.ts'
import { declaredSlices } from './slice.ts'

/**
 * Options for {@link signIn}.
 *
 * @example
 * const options: SignInOptions = { data: { signedInAt: Date.now() } }
 */
export interface SignInOptions {
  /** Values stored with the sign-in, such as its proof and time; skipped if another request signed in first. */
  readonly data?: Readonly<Record<string, Json>>
}

/**
 * Signs a user in: slices follow their `login` rule, account slices are merged into the account, the key changes, and the
 * absolute age restarts (ASVS 7.2.4). A session of another user, or of another application's user, is ended
 * first, as in Django.
 *
 * @param userId 1 to 64 characters, without control characters; stores compare it exactly
 * @throws RangeError for an invalid id; SessionEndedError if there is no such account; StoreUnavailableError; Error, with
 *   nothing changed, after the headers were sent
 * @example
 * const session = await ctx.session()
 * await signIn(session, '42')
 */
export async function signIn(session: Session, userId: string, { data = {} }: SignInOptions = {}): Promise<void> {
  const state = stateOf(session)
  if (!isUserId(userId)) throw new RangeError('The id of a user is 1 to 64 characters, without control characters')
  // Before anything is changed: a handler that goes on must not store the user under the old key.
  state.assertOpen(true)
  if (state.isOfAnother(userId)) await session.flush()
  // An unproven session is not used: the sign-in starts a new one.
  state.startNewSession()
  const account = await state.account.load(userId)
  // Earlier changes in place are not part of the sign-in.
  state.document.detectChanges()
  // These are skipped if another request signed the same user in first.
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
 * Signs out: ends the session and starts an anonymous one with the slices whose `logout` rule is `keep`. If the session is
 * another user's by now, it is not ended and no new one starts, because the browser has that one's cookie.
 *
 * @throws StoreUnavailableError, SessionContendedError if it may not have ended; Error, with nothing ended, after the headers
 *   were sent, if a new session must start or the cookie itself holds the session
 * @example
 * await signOut(await ctx.session())
 * ctx.redirect('/')
 */
export async function signOut(session: Session): Promise<void> {
  const state = stateOf(session)
  const keeps = [...declaredSlices()].some(
    ({ logout, name }) => logout === 'keep' && state.document.data[name] !== undefined,
  )
  // Checked before it ends, so that the caller can report that it has not ended.
  state.assertOpen(keeps || state.needsCookie)
  const last = await state.end()
  if (last === undefined) return
  for (const slice of declaredSlices()) {
    const stored = last[slice.name]
    if (slice.logout === 'keep' && stored !== undefined) state.slices.restore(slice, plainJson(stored))
  }
}
