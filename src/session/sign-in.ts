import type { Json } from './core/data.ts'
import { USER_KEY } from './core/user.ts'
import type { Session } from './session.ts'
import { declaredSlices } from './slice.ts'

/** Options for {@link signIn}. */
export interface SignInOptions {
  /** What the application says of the sign-in, such as its proof and time; left out where another request was first. */
  readonly data?: Readonly<Record<string, Json>>
}

/**
 * Binds a session to a user: slices follow their login rule, the account takes over what it is to keep, the key changes,
 * and the absolute age counts from now (ASVS 7.2.4). Another user's session is ended first (Django behaviour 50).
 *
 * @throws SessionEndedError where there is no such account; StoreUnavailableError
 */
export async function signIn(session: Session, userId: string, { data = {} }: SignInOptions = {}): Promise<void> {
  if (session.userId !== null && session.userId !== userId) await session.flush()
  const account = await session.accountOf(userId)
  session.signingIn(() => {
    for (const slice of declaredSlices()) {
      if (slice.login === 'drop' && !(slice.account && session.account !== undefined)) session.drop(slice)
    }
    session.set(USER_KEY, userId)
    session.assign(data)
    if (account !== undefined) session.attach(account)
  })
  await session.cycleKey({ restartClock: true })
}

/** Ends a session; slices whose logout rule is `keep` begin a new, anonymous one. */
export async function signOut(session: Session): Promise<void> {
  const kept = session.keptAtSignOut()
  await session.flush()
  for (const [slice, stored] of kept) session.restoreSlice(slice, stored)
}
