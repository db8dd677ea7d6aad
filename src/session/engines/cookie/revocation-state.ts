import { type RevocationState, type Revocations, type SignIn, sessionSubject } from '../../stores/revocations.ts'
import { sessionIdOfSignIn } from './cookie-sign-in.ts'

/** Whether a cookie with this sign-in is refused. */
export function isRevoked({ epoch, kept, ended }: RevocationState, signIn: Pick<SignIn, 'id' | 'epoch'>): boolean {
  return ended || (signIn.epoch < epoch && kept !== sessionSubject(sessionIdOfSignIn(signIn.id)))
}

const MAX_HOPS = 4

/**
 * The state of a sign-in. `late`: its session has a newer sign-in, and requests that were under way may still read this
 * cookie's data.
 */
export async function signInState(revocations: Revocations, signIn: SignIn): Promise<'live' | 'late' | 'ended'> {
  const state = await revocations.check(signIn.userId, signIn.id)
  if (isRevoked(state, signIn)) return 'ended'
  if (state.successor === undefined) return 'live'
  let next: string | undefined = state.successor
  for (let hop = 1; hop <= MAX_HOPS && next !== undefined; hop++) {
    const { ended, successor }: RevocationState = await revocations.check(signIn.userId, next)
    if (ended) return 'ended'
    next = successor
  }
  return next === undefined ? 'late' : 'ended'
}
