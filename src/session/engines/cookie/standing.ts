import { type Revocations, type SignIn, type Standing, sessionSubject } from '../../stores/revocations.ts'
import { sessionIdOfSignIn } from './cookie-sign-in.ts'

/** Whether a cookie with this sign-in is refused. */
export function isRevoked({ epoch, kept, ended }: Standing, signIn: Pick<SignIn, 'id' | 'epoch'>): boolean {
  return ended || (signIn.epoch < epoch && kept !== sessionSubject(sessionIdOfSignIn(signIn.id)))
}

const MAX_HOPS = 4

/**
 * What a cookie with this sign-in is worth. `late`: its session goes on under another sign-in, and requests that were
 * under way may still read what it holds.
 */
export async function stateOf(revocations: Revocations, signIn: SignIn): Promise<'live' | 'late' | 'ended'> {
  const standing = await revocations.check(signIn.userId, signIn.id)
  if (isRevoked(standing, signIn)) return 'ended'
  if (standing.successor === undefined) return 'live'
  let next: string | undefined = standing.successor
  for (let hop = 1; hop <= MAX_HOPS && next !== undefined; hop++) {
    const { ended, successor }: Standing = await revocations.check(signIn.userId, next)
    if (ended) return 'ended'
    next = successor
  }
  return next === undefined ? 'late' : 'ended'
}
