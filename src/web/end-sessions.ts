import type { Engine } from '../session/engines/engine.ts'
import { NotSupportedError } from '../session/index.ts'

/**
 * Ends the sessions of a user, as far as the engine knows whose they are. For where they are invalid already, because the
 * password was changed or the account is gone: then they are no longer listed either.
 *
 * @param exceptId the public id of a session that goes on
 */
export async function endSessions(engine: Engine, userId: string, exceptId: string | null = null): Promise<void> {
  await engine.endUser(userId, exceptId).catch((error: unknown) => {
    if (!(error instanceof NotSupportedError)) throw error
  })
}
