import type { Outcome } from '../../core/outcome.ts'
import { userIdOf } from '../../core/user.ts'
import type { Revocations } from '../../stores/revocations.ts'
import type { CookieEngine } from '../cookie/cookie.ts'
import { isRevoked, signInState } from '../cookie/revocation-state.ts'
import type { Commit } from '../engine.ts'
import type { Migratable, MigratingSession } from './migratable.ts'

/** Migration to and from sessions in cookies. All copies of one session have one sign-in, so they end together. */
export function cookieMigration(engine: CookieEngine): Migratable {
  const { revocations } = engine
  return {
    engine,
    keepsKeys: false,
    // A cookie has no effect until it is sent.
    needsMark: false,
    async adopt(commit) {
      const adopting = await withPresentSignIn(commit, revocations)
      return adopting === undefined ? { outcome: 'ended' } : await engine.commit(adopting)
    },
    async leave({ signIn }, { until, signsIn = false } = {}): Promise<Outcome> {
      if (signIn === undefined || revocations === undefined) return 'done'
      const state = await revocations.check(signIn.userId, signIn.id)
      const isOver = isRevoked(state, signIn) || state.successor !== undefined
      if (signsIn ? state.ended : isOver) return 'missing'
      await engine.revoke(signIn.id, until)
      return 'done'
    },
    async claim({ signIn }): Promise<Outcome> {
      if (signIn === undefined || revocations === undefined) return 'done'
      return (await signInState(revocations, signIn)) === 'live' ? 'done' : 'missing'
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
 * The commit of a migrating session with its sign-in and the user's current epoch; without a sign-in if the request
 * changes the user. Undefined if the sign-in was ended.
 */
export async function withPresentSignIn(
  commit: Commit & { loaded: MigratingSession },
  revocations: Revocations | undefined,
): Promise<(Commit & { loaded: MigratingSession }) | undefined> {
  const { loaded, write } = commit
  const { signIn } = loaded
  if (write === 'cycle' || signIn === undefined || signIn.userId !== userIdOf(commit.data)) {
    return { ...commit, loaded: { ...loaded, signIn: undefined } }
  }
  const state = await revocations?.check(signIn.userId, signIn.id)
  if (state?.ended) return undefined
  return { ...commit, loaded: { ...loaded, signIn: { ...signIn, epoch: state?.epoch ?? 0 } } }
}
