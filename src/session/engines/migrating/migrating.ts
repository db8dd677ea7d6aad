import { SessionTooLargeError } from '../../core/errors.ts'
import type { ExpiryPolicy } from '../../core/expiry.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, UserSessions } from '../engine.ts'
import type { Migratable } from './migratable.ts'
import { GRACE_MS, Migration, unchanged } from './migration.ts'

/** Options for {@link MigratingEngine}. */
export interface MigratingEngineOptions {
  /** The new engine. */
  readonly target: Migratable
  /** The old engine. */
  readonly source: Migratable
  /** Whether sessions are created in the target and migrate to it; true by default. Otherwise each stays where it is. */
  readonly moves?: boolean
  /** Whether both use the same table, so that only sessions in cookies migrate; false by default. */
  readonly sharesRecords?: boolean
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * Migrates sessions from one engine to another without signing users out.
 *
 * Reads ask the target, then the source. A session migrates with its first change. In a store it keeps its key, or gets
 * one derived from its sign-in, so that overlapping requests meet there; in a cookie it has one sign-in, so that all
 * copies end together. A session is ended first in the source, which prevents the deciding step, and then in the target.
 *
 * Before the first process may migrate sessions, every process must find them in both: that is the step without `moves`.
 */
export class MigratingEngine implements Engine {
  readonly name: string
  readonly expiry: ExpiryPolicy | undefined
  readonly cookieHoldsData: boolean
  readonly refreshesCookie: boolean
  readonly #target: Engine
  readonly #source: Engine
  readonly #moves: boolean
  readonly #targetKeepsKeys: boolean
  readonly #sharesRecords: boolean
  readonly #migration: Migration
  readonly #now: () => number

  constructor({ target, source, moves = true, sharesRecords = false, now = Date.now }: MigratingEngineOptions) {
    const { engine: current } = moves ? target : source
    this.name = current.name
    this.expiry = current.expiry
    this.cookieHoldsData = target.engine.cookieHoldsData === true || source.engine.cookieHoldsData === true
    this.refreshesCookie = current.refreshesCookie === true
    this.#target = target.engine
    this.#source = source.engine
    this.#moves = moves
    this.#targetKeepsKeys = target.keepsKeys
    this.#sharesRecords = sharesRecords
    this.#migration = new Migration({ target, source, current, now })
    this.#now = now
  }

  async open(cookie: string): Promise<Opened> {
    const opened = await this.#migration.openTarget(cookie)
    // The source must not bring back a session that was ended in the target.
    if (opened.live || opened.suspicion === 'revoked') return opened
    const older = await this.#migration.openSource(cookie)
    if (older.live) return older
    // It may have migrated between the two reads.
    const again = await this.#migration.openTarget(cookie)
    if (again.live || again.unread !== undefined) return again
    return older.unread !== undefined || again.suspicion === 'malformed-cookie' ? older : again
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded } = commit
    if (loaded === undefined) return await (this.#moves ? this.#target.commit(commit) : this.#migration.create(commit))
    if (this.#migration.isFromSource(loaded)) {
      // Only the source can follow an old key of its own.
      if (!this.#moves || loaded.forwarded) return await this.#migration.commitInSource({ ...commit, loaded })
      if (commit.write !== 'cycle' || !this.#migration.keepsKey(loaded))
        return await this.#migration.commit({ ...commit, loaded })
      // First under its key, so that late requests with it find the new one.
      const current = await this.#migration.migrated(loaded)
      if (current === undefined) return await this.#migration.ended(commit)
      return await this.commit({ ...commit, loaded: current, data: commit.changes.replayOn(current.data) })
    }
    // First, because a record left in the source by a crash would be found again once the key has changed.
    const mayBeLeft = !(this.#sharesRecords && loaded.key !== null)
    if (mayBeLeft && commit.write === 'cycle') await this.#migration.endSource(loaded)
    return await this.#target.commit(commit)
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined> {
    if (loaded.forwarded) return undefined
    if (!this.#migration.isFromSource(loaded)) return await this.#target.touch(loaded)
    if (!this.#moves || this.#migration.keepsKey(loaded)) return await this.#migration.touchSource(loaded)
    // It may have migrated already, and the response must not restore the source's cookie.
    if (loaded.key !== null && loaded.expires - this.#now() <= GRACE_MS) return undefined
    try {
      // Not a touch: a new cookie of the source would end with the old one if another request migrates the session now.
      const migrated = await this.#migration.commit(unchanged(loaded))
      return migrated.outcome === 'saved' ? migrated : undefined
    } catch (error) {
      if (error instanceof SessionTooLargeError) return await this.#migration.touchSource(loaded)
      throw error
    }
  }

  async end(loaded: Loaded): Promise<Ended> {
    // The session first: after a failure in between, the old key must still lead to it.
    const late = await this.#migration.lateOf(loaded)
    const ended = late && (await this.#migration.late.end(late))
    if (ended !== undefined) return { ...(await this.#migration.endSource(loaded)), ...ended }
    const inSource = await this.#migration.endSource(loaded)
    const inTarget = await this.#target.end(this.#migration.asInTarget(loaded))
    // The source does not know sessions of the target, and without forwards it cannot tell why.
    if (this.#migration.isFromSource(loaded) && inSource.outcome === 'user-changed') return inSource
    return inTarget.outcome === 'user-changed' ? inTarget : { ...inSource, ...inTarget }
  }

  async endUser(userId: string, exceptId?: string | null): Promise<number | undefined> {
    let inTarget: number | undefined
    let inSource: number | undefined
    try {
      inSource = await this.#source.endUser(userId, exceptId)
    } finally {
      // Always: the source may not know its users.
      inTarget = await this.#target.endUser(userId, exceptId)
    }
    return inTarget === undefined || inSource === undefined ? undefined : inTarget + inSource
  }

  async listUser(userId: string, currentId?: string | null): Promise<UserSessions> {
    const both = await Promise.all([this.#listSource(userId, currentId), this.#target.listUser(userId, currentId)])
    // A migrating session may be in both with one id; the target's is newer.
    const listed = new Map(both.flatMap((part) => part.listed).map((session) => [session.id, session]))
    return {
      listed: [...listed.values()],
      complete: both.every((part) => part.complete),
      endable: both.every((part) => part.endable),
    }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    const { leaving } = await this.#listSource(userId)
    // A record that only serves late requests has migrated into a cookie, so ending it would not end the session.
    if (leaving.has(id)) return false
    const inSource = await this.#source.endOne(userId, id)
    return (await this.#target.endOne(userId, id)) || inSource
  }

  /** The sessions of the source, and separately records that may only serve late requests after a migration to a cookie. */
  async #listSource(userId: string, currentId?: string | null): Promise<UserSessions & { leaving: Set<string> }> {
    const all = await this.#source.listUser(userId, currentId)
    const mayBeLeaving = (expires: number) => !this.#targetKeepsKeys && expires - this.#now() <= GRACE_MS
    return {
      ...all,
      listed: all.listed.filter(({ expires }) => !mayBeLeaving(expires)),
      leaving: new Set(all.listed.filter(({ expires }) => mayBeLeaving(expires)).map(({ id }) => id)),
    }
  }
}
