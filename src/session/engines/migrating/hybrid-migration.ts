import { SessionTooLargeError } from '../../core/errors.ts'
import { userIdOf } from '../../core/user.ts'
import { sessionIdOfSignIn } from '../cookie/cookie-sign-in.ts'
import type { Commit, Committed } from '../engine.ts'
import type { HybridEngine } from '../hybrid/hybrid.ts'
import { dataForRecord, sessionFromRecord, withoutRecordKey } from '../hybrid/hybrid-sign-in.ts'
import { cookieMigration, withPresentSignIn } from './cookie-migration.ts'
import type { Migratable, MigratingSession } from './migratable.ts'
import { storedMigration } from './stored-migration.ts'

/** Migration to and from a hybrid engine, in cookies or records. */
export function hybridMigration(engine: HybridEngine): Migratable {
  const cookie = cookieMigration(engine.cookie)
  const stored = storedMigration(engine.stored)

  /** Creates a record under the session's key, for a session that does not fit in a cookie. */
  async function adoptRecord(commit: Commit & { loaded: MigratingSession }): Promise<Committed> {
    const { loaded, data } = commit
    const signIn = loaded.signIn ?? (await engine.cookie.newSignIn(userIdOf(data), loaded.id))
    const id = signIn && sessionIdOfSignIn(signIn.id)
    const adopted = await stored.adopt({ ...commit, id, data: dataForRecord(data, signIn) })
    return adopted.outcome === 'saved' ? { ...adopted, loaded: sessionFromRecord(adopted.loaded) } : adopted
  }

  return {
    engine,
    keepsKeys: false,
    needsMark: true,
    async adopt(commit) {
      const adopting = await withPresentSignIn(commit, engine.cookie.revocations)
      if (adopting === undefined) return { outcome: 'ended' }
      const { loaded, write } = adopting
      if (write === 'cycle' || loaded.key === null) {
        return await engine.commit({ ...adopting, loaded: { ...loaded, key: null } })
      }
      const data = withoutRecordKey(adopting.data)
      try {
        return await engine.cookie.commit({ ...adopting, data })
      } catch (error) {
        if (!(error instanceof SessionTooLargeError)) throw error
        return await adoptRecord(adopting)
      }
    },
    async leave(loaded, leaving) {
      const left = loaded.key === null ? 'done' : await stored.leave(loaded, leaving)
      return left === 'done' ? await cookie.leave(loaded, leaving) : left
    },
    async claim(loaded, mark) {
      if (loaded.key === null) return await cookie.claim(loaded, mark)
      const claimed = await stored.claim(loaded, mark)
      if (claimed !== 'done' || (await cookie.leave(loaded)) === 'done') return claimed
      // A copy in a cookie was signed out.
      await stored.end(loaded)
      return 'missing'
    },
    claimed: (key) => stored.claimed(key),
    async end(loaded, trace) {
      if (trace !== undefined) {
        await cookie.end(loaded, trace)
        return await stored.end(loaded, trace)
      }
      // If both engines share a table, the other one has read this record with the sign-in among the data.
      return await engine.end(loaded.key === null || loaded.signIn !== undefined ? loaded : sessionFromRecord(loaded))
    },
  }
}
