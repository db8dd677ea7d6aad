import type { Json } from './data.ts'
import { USER_KEY } from './engines/engine.ts'
import type { Session } from './session.ts'
import { declaredSlices, readSlice, writeSlice } from './slice.ts'

/** Slices in their stored form, by name: what an account keeps from sign-out to sign-in. */
export type CarriedSlices = ReadonlyMap<string, Json>

/**
 * Binds a session to a user: slices follow their login rule, the key changes, and the absolute clock starts anew
 * (ASVS 7.2.4). Another user's session is ended first (Django behaviour 50).
 *
 * @param carried what {@link carriedSlices} gave when this user last signed out
 */
export async function signIn(session: Session, userId: string, carried: CarriedSlices = new Map()): Promise<void> {
  if (session.userId !== null && session.userId !== userId) await session.flush()
  session.signingIn(() => {
    for (const slice of declaredSlices()) {
      if (slice.login === 'drop') session.drop(slice)
      if (slice.login !== 'merge') continue
      const theirs = readSlice(slice, carried.get(slice.name), Date.now())
      if (theirs.state !== 'ok') continue
      session.update(slice, (mine) => (slice.merge ? slice.merge(mine, theirs.value, slice.default()) : theirs.value))
    }
    session.set(USER_KEY, userId)
  })
  await session.cycleKey({ restartClock: true })
}

/** Ends a session; slices whose logout rule is `keep` begin a new, anonymous one. */
export async function signOut(session: Session): Promise<void> {
  await session.flush({ keep: [...declaredSlices()].filter(({ logout }) => logout === 'keep') })
}

/** The slices whose login rule is `merge`, as the account should keep them. */
export function carriedSlices(session: Session): Map<string, Json> {
  const merging = [...declaredSlices()].filter((slice) => slice.login === 'merge' && session.has(slice))
  return new Map(merging.map((slice) => [slice.name, writeSlice(slice, session.get(slice), Date.now()).stored]))
}
