import type { Outcome } from '../../core/outcome.ts'
import { userIdOf } from '../../core/user.ts'
import type { Revocations } from '../../stores/revocations.ts'
import type { CookieEngine } from '../cookie/cookie.ts'
import { isRevoked, stateOf } from '../cookie/standing.ts'
import type { Commit } from '../engine.ts'
import type { Migrant, Migratable } from './migratable.ts'

/** Migration to and from cookies that hold the session. All copies of one session have one sign-in, so they end together. */
export function cookieMigration(engine: CookieEngine): Migratable {
  const { revocations } = engine
  return {
    engine,
    keepsKeys: false,
    // A cookie counts for nobody until it is given out.
    needsMark: false,
    async adopt(commit) {
      const adopting = await withPresentSignIn(commit, revocations)
      return adopting === undefined ? { outcome: 'ended' } : await engine.commit(adopting)
    },
    async leave({ signIn }, { until, signsIn = false } = {}): Promise<Outcome> {
      if (signIn === undefined || revocations === undefined) return 'done'
      const standing = await revocations.check(signIn.userId, signIn.id)
      const isOver = isRevoked(standing, signIn) || standing.successor !== undefined
      if (signsIn ? standing.ended : isOver) return 'missing'
      await engine.revoke(signIn.id, until)
      return 'done'
    },
    async claim({ signIn }): Promise<Outcome> {
      if (signIn === undefined || revocations === undefined) return 'done'
      return (await stateOf(revocations, signIn)) === 'live' ? 'done' : 'missing'
    },
    async claimed() {
      return undefined
    },
    async end(loaded, trace) {
      if (trace === undefined) return await engine.end(loaded)
      await engine.endSignIn({ userId: '', id: trace })
      return { outcome: 'ended' }
    },
  }
}

/**
 * The commit of a session that is taken over, with its sign-in under the user's present epoch: none where the request
 * changes who is signed in. Undefined when that sign-in has been ended.
 */
export async function withPresentSignIn(
  commit: Commit & { loaded: Migrant },
  revocations: Revocations | undefined,
): Promise<(Commit & { loaded: Migrant }) | undefined> {
  const { loaded, write } = commit
  const { signIn } = loaded
  if (write === 'cycle' || signIn === undefined || signIn.userId !== userIdOf(commit.data)) {
    return { ...commit, loaded: { ...loaded, signIn: undefined } }
  }
  const standing = await revocations?.check(signIn.userId, signIn.id)
  if (standing?.ended) return undefined
  return { ...commit, loaded: { ...loaded, signIn: { ...signIn, epoch: standing?.epoch ?? 0 } } }
}
