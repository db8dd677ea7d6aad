import { SessionTooLargeError } from '../../core/errors.ts'
import type { ExpiryPolicy } from '../../core/expiry.ts'
import { Operations } from '../../core/operations.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, UserSessions } from '../engine.ts'
import type { Migratable } from './migratable.ts'
import { GRACE, Migration, NOBODY } from './migration.ts'

/** Options for {@link MigratingEngine}. */
export interface MigratingEngineOptions {
  /** Where sessions go. */
  readonly target: Migratable
  /** Where older ones still are. */
  readonly source: Migratable
  /** Whether both keep their records in one place, so that only what is in cookies has to migrate. */
  readonly sharesRecords?: boolean
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * Two engines while sessions migrate from one to the other, without signing anybody out.
 *
 * Reads ask the target, then the source. A session migrates with its first change. Into a store it goes under its own
 * key, or one that follows from its sign-in, and overlapping requests meet there; into a cookie under one sign-in, so
 * that all of its copies end together. Whatever ends a session ends it first in the source, where that prevents the
 * step that decides, and then in the target, where it prevents the rest.
 */
export class MigratingEngine implements Engine {
  readonly name: string
  readonly expiry: ExpiryPolicy | undefined
  readonly cookieHoldsData: boolean
  readonly refreshesCookie: boolean
  readonly #target: Engine
  readonly #source: Engine
  readonly #targetKeepsKeys: boolean
  readonly #sharesRecords: boolean
  readonly #migration: Migration
  readonly #now: () => number

  constructor({ target, source, sharesRecords = false, now = Date.now }: MigratingEngineOptions) {
    this.name = target.engine.name
    this.expiry = target.engine.expiry
    this.cookieHoldsData = target.engine.cookieHoldsData === true || source.engine.cookieHoldsData === true
    this.refreshesCookie = target.engine.refreshesCookie === true
    this.#target = target.engine
    this.#source = source.engine
    this.#targetKeepsKeys = target.keepsKeys
    this.#sharesRecords = sharesRecords
    this.#migration = new Migration({ target, source, now })
    this.#now = now
  }

  async open(cookie: string): Promise<Opened> {
    const opened = await this.#migration.openTarget(cookie)
    // What the target knows as ended, the source must not bring back.
    if (opened.live || opened.suspicion === 'revoked') return opened
    const older = await this.#migration.openSource(cookie)
    if (older.live) return older
    // It may have migrated between the two questions.
    const again = await this.#migration.openTarget(cookie)
    return again.live || again.suspicion !== 'malformed-cookie' ? again : older
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded } = commit
    if (loaded === undefined) return await this.#target.commit(commit)
    if (this.#migration.isFromSource(loaded)) {
      // What was read under an old key of the source is for the source to follow.
      if (loaded.forwarded) return await this.#source.commit(commit)
      return await this.#migration.commit({ ...commit, loaded })
    }
    // First, for what a crash has left under the old key would be found again once the target has another.
    const mayBeLeft = !(this.#sharesRecords && loaded.key !== null)
    if (mayBeLeft && commit.write === 'cycle') await this.#migration.endSource(loaded)
    return await this.#target.commit(commit)
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined> {
    if (loaded.forwarded) return undefined
    if (!this.#migration.isFromSource(loaded)) return await this.#target.touch(loaded)
    if (this.#migration.keepsKey(loaded)) return await this.#migration.touchSource(loaded)
    // It may have migrated already, and the answer must not bring the source's cookie back.
    if (loaded.key !== null && loaded.expires - this.#now() <= GRACE) return undefined
    const [data, changes, client] = [loaded.data, new Operations(), NOBODY]
    try {
      // A new cookie of the source would end with the old one, if another request is migrating the session now.
      const commit = { write: 'save', loaded, data, changes, client, restartClock: false } as const
      const migrated = await this.#migration.commit(commit)
      return migrated.outcome === 'saved' ? migrated : undefined
    } catch (error) {
      if (error instanceof SessionTooLargeError) return await this.#migration.touchSource(loaded)
      throw error
    }
  }

  async end(loaded: Loaded): Promise<Ended> {
    const inSource = await this.#migration.endSource(loaded)
    const inTarget = await this.#target.end(this.#migration.asInTarget(loaded))
    // Of what was in the target already, the source knows nothing, and without forwards it cannot tell the reason.
    if (this.#migration.isFromSource(loaded) && inSource.outcome === 'foreign') return inSource
    return inTarget.outcome === 'foreign' ? inTarget : { ...inSource, ...inTarget }
  }

  async endUser(userId: string, exceptId?: string | null): Promise<number | undefined> {
    let inTarget: number | undefined
    let inSource: number | undefined
    try {
      inSource = await this.#source.endUser(userId, exceptId)
    } finally {
      // In any case: the source may not be able to tell whose sessions it keeps.
      inTarget = await this.#target.endUser(userId, exceptId)
    }
    return inTarget === undefined || inSource === undefined ? undefined : inTarget + inSource
  }

  async listUser(userId: string, currentId?: string | null): Promise<UserSessions> {
    const both = await Promise.all([this.#listSource(userId, currentId), this.#target.listUser(userId, currentId)])
    // A session on its way may be in both under one id, and the target knows it better.
    const listed = new Map(both.flatMap((part) => part.listed).map((session) => [session.id, session]))
    return {
      listed: [...listed.values()],
      complete: both.every((part) => part.complete),
      endable: both.every((part) => part.endable),
    }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    const { leaving } = await this.#listSource(userId)
    // What only waits for its last requests has migrated into a cookie, and its end would not be the session's.
    if (leaving.has(id)) return false
    const inSource = await this.#source.endOne(userId, id)
    return (await this.#target.endOne(userId, id)) || inSource
  }

  /** What is in the source, and apart from it what may have migrated into a cookie, and waits for its last requests. */
  async #listSource(userId: string, currentId?: string | null): Promise<UserSessions & { leaving: Set<string> }> {
    const all = await this.#source.listUser(userId, currentId)
    const mayBeLeaving = (expires: number) => !this.#targetKeepsKeys && expires - this.#now() <= GRACE
    return {
      ...all,
      listed: all.listed.filter(({ expires }) => !mayBeLeaving(expires)),
      leaving: new Set(all.listed.filter(({ expires }) => mayBeLeaving(expires)).map(({ id }) => id)),
    }
  }
}
