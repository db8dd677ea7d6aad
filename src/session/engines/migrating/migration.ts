import { emptyData } from '../../core/data.ts'
import { KeyTakenError } from '../../core/errors.ts'
import { newSessionKey } from '../../core/key.ts'
import { Operations } from '../../core/operations.ts'
import type { Outcome } from '../../core/outcome.ts'
import { retry } from '../../core/retry.ts'
import {
  type Client,
  type Commit,
  type Committed,
  type Ended,
  type Engine,
  type Loaded,
  NO_CLIENT,
  type Opened,
  type Saved,
} from '../engine.ts'
import { LateSessions } from './late-sessions.ts'
import { asMigratingSession, marked, markOf, prefixOf, traceOf, unmarked } from './marks.ts'
import type { Migratable, MigratingSession } from './migratable.ts'

/** Options for {@link Migration}. */
export interface MigrationOptions {
  readonly target: Migratable
  readonly source: Migratable
  /** The one of these in which new sessions are created. */
  readonly current: Engine
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

type MigratingCommit = Commit & { loaded: Loaded }

const MAX_ATTEMPTS = 10
/** Milliseconds for which requests with the source's cookie are still answered. */
export const GRACE_MS = 60_000
const UNDECIDED: Opened = { live: false, suspicion: 'unknown-key' }

/**
 * Migrates one session from the source to the target.
 *
 * 1. The target gets a record with a random mark, which makes it invalid.
 * 2. The deciding step: the mark replaces the source's record, at the version that was read.
 * 3. The mark is removed from the target's record, and the source's record is deleted.
 *
 * A crash at any point loses nothing, and the next request finishes the migration. A new cookie or a new key is unknown to
 * everyone until it is sent: there, removing the session from the source decides.
 */
export class Migration {
  readonly #target: Migratable
  readonly #source: Migratable
  readonly #current: Engine
  readonly #now: () => number
  /** Sessions whose key was changed in the source before they migrated. */
  readonly late: LateSessions
  /** Sessions read from the source, with their key and sign-in in the target. */
  readonly #fromSource = new WeakMap<Loaded, MigratingSession>()

  constructor({ target, source, current, now }: MigrationOptions) {
    this.#target = target
    this.#source = source
    this.#current = current
    this.#now = now
    this.late = new LateSessions(target.engine, (key) => this.openTarget(key))
  }

  /** Opens a valid session in the target. */
  async openTarget(cookie: string): Promise<Opened> {
    const opened = await this.#target.engine.open(cookie)
    if (!opened.live || markOf(opened.loaded) === undefined) return opened
    const decided = await this.#decided(opened.loaded)
    if (decided !== undefined) return { live: true, loaded: decided }
    // The migration may have been finished between the two reads.
    const again = await this.#target.engine.open(cookie)
    return again.live && markOf(again.loaded) !== undefined ? UNDECIDED : again
  }

  /** Opens a session that is still in the source. */
  async openSource(cookie: string): Promise<Opened> {
    const opened = await this.#source.engine.open(cookie)
    // If both share a table, this is the record that is not valid in the target yet.
    if (opened.live && markOf(opened.loaded) !== undefined) return UNDECIDED
    if (!opened.live) return (opened.leadsTo && (await this.late.open(opened.leadsTo))) ?? opened
    this.#note(opened.loaded)
    // A copy of a cookie leads to the record that another copy has migrated into.
    const moved = opened.loaded.key === null ? await this.#openAdopted(opened.loaded) : undefined
    return moved?.live ? moved : opened
  }

  /** The session as a late request sees it, if its key was changed in the source and it has migrated since. */
  async lateOf(loaded: Loaded): Promise<Loaded | undefined> {
    if (this.late.has(loaded)) return loaded
    const opened = this.isFromSource(loaded) && loaded.key !== null ? await this.openSource(loaded.key) : undefined
    return opened?.live && this.late.has(opened.loaded) ? opened.loaded : undefined
  }

  /** Moves the expiry of a session that stays in the source for now. */
  async touchSource(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined> {
    const touched = await this.#source.engine.touch(loaded)
    if (touched !== undefined) this.#note(touched.loaded)
    return touched
  }

  /** Creates a session in the source. */
  async create(commit: Commit): Promise<Committed> {
    const created = await this.#source.engine.commit(commit)
    if (created.outcome === 'saved') this.#note(created.loaded)
    return created
  }

  /** Commits a session of the source there; if another process has migrated it, in the target. */
  async commitInSource(commit: MigratingCommit): Promise<Committed> {
    const { loaded, write, restartClock } = commit
    if (this.late.has(loaded)) return await this.late.commit(commit, () => this.ended(commit))
    const moved = loaded.key === null ? await this.#openAdopted(loaded) : undefined
    if (moved?.live) return await this.#replay(commit, moved.loaded)
    const withoutSession = () => this.#follow(commit)
    const committed = await this.#source.engine.commit({ ...commit, withoutSession })
    if (committed.outcome === 'ended') {
      const late = await this.lateOf(loaded)
      if (late !== undefined) return await this.commitInSource({ ...commit, loaded: late })
    }
    if (committed.outcome === 'saved') this.#note(committed.loaded)
    else if (write !== 'cycle' || !restartClock) return await withoutSession()
    return committed
  }

  /** Ends the session in the source, or what remains there after its migration. */
  async endSource(loaded: Loaded): Promise<Ended> {
    return await this.#source.end(loaded, this.isFromSource(loaded) ? undefined : traceOf(loaded))
  }

  /** Whether the session was read from the source. */
  isFromSource(loaded: Loaded): boolean {
    return this.#fromSource.has(loaded) || this.late.has(loaded)
  }

  /** The session with its key and sign-in in the target. */
  asInTarget(loaded: Loaded): MigratingSession {
    return this.#fromSource.get(loaded) ?? loaded
  }

  /** Whether it keeps its key in the target. */
  keepsKey({ key }: Loaded): boolean {
    return this.#target.keepsKeys && key !== null
  }

  /**
   * Commits a session of the source in the target; if another request has migrated it first, on top of its changes.
   *
   * @throws SessionContendedError, SessionTooLargeError
   */
  async commit(commit: MigratingCommit): Promise<Committed> {
    let current = commit
    return await retry(async () => {
      const mark = `${prefixOf(current.loaded)}${newSessionKey()}`
      const adopted = await this.#adopt(current, mark)
      if (adopted?.outcome === 'ended') return await this.ended(current)
      const left = adopted && (await this.#leave(current, adopted.loaded, mark))
      if (adopted && left === 'done') return await this.#finished(current, adopted)
      if (adopted) await this.#undo(adopted.loaded)
      const other = await this.#target.engine.open(this.#keyInTarget(current.loaded))
      const loaded = other.live ? await this.#decided(other.loaded, current.loaded) : undefined
      if (loaded !== undefined) return await this.#replay(current, loaded)
      const reloaded = left === 'missing' ? undefined : await this.#reload(current)
      if (reloaded === undefined) return await this.#follow(current)
      // Its key was changed in the source meanwhile.
      if (reloaded.loaded.forwarded) return await this.commitInSource(reloaded)
      // Left by a crash during the migration of an older state, which cannot be finished.
      if (other.live && !markOf(other.loaded)?.startsWith(prefixOf(reloaded.loaded))) await this.#undo(other.loaded)
      current = reloaded
      return undefined
    }, MAX_ATTEMPTS)
  }

  /** Migrates a session as it is now; undefined if it has ended. Its key may have been changed in the source. */
  async migrated({ key }: Loaded): Promise<Loaded | undefined> {
    const opened = await this.openSource(key ?? '')
    if (!opened.live) return await this.openTarget(key ?? '').then((moved) => (moved.live ? moved.loaded : undefined))
    if (opened.loaded.forwarded || !this.isFromSource(opened.loaded)) return opened.loaded
    const moved = await this.commit(unchanged(opened.loaded))
    return moved.outcome === 'saved' ? moved.loaded : undefined
  }

  /** Undefined if the target has it already. */
  async #adopt(move: MigratingCommit, mark: string): Promise<Committed | undefined> {
    const { loaded } = move
    // A sign-in is a new session with the data, but without the old key and sign-in.
    if (move.write === 'cycle') return await this.#target.adopt(move)
    const trace = this.keepsKey(loaded) ? null : ((loaded as MigratingSession).signIn?.id ?? loaded.key)
    const data = marked(move.data, this.#target.needsMark ? mark : undefined, trace)
    try {
      return await this.#target.adopt({ ...move, loaded: this.asInTarget(loaded), data })
    } catch (error) {
      if (error instanceof KeyTakenError) return undefined
      throw error
    }
  }

  /** The deciding step. */
  async #leave({ loaded, write, restartClock }: MigratingCommit, adopted: Loaded, mark: string): Promise<Outcome> {
    if (write === 'cycle') return await this.#source.leave(loaded, { signsIn: restartClock })
    if (adopted.key === null) return await this.#source.leave(loaded, { until: this.#now() + GRACE_MS })
    const claimed = await this.#source.claim(loaded, mark)
    // Another request may have done the step for this one.
    return claimed === 'done' || (await this.#source.claimed(adopted.key)) !== mark ? claimed : 'done'
  }

  /** What follows the deciding step. */
  async #finished({ loaded, write, client }: MigratingCommit, adopted: Saved): Promise<Committed> {
    if (write === 'cycle') return adopted
    if (adopted.loaded.key === null) {
      // A cookie needs no mark, and this one has not been sent yet.
      const clean = markOf(adopted.loaded) && (await this.#target.engine.touch(unmarked(adopted.loaded)))
      return clean ? { ...adopted, ...clean } : adopted
    }
    const finished = await this.#finish(adopted.loaded, client)
    if (loaded.key === null) await this.#source.leave(loaded, { until: this.#now() + GRACE_MS })
    else await this.#source.end(loaded)
    return finished
  }

  /** Never overwrites a newer state; finds nothing if the session was ended. */
  async #finish(adopted: Loaded, client: Client = NO_CLIENT): Promise<Committed> {
    const { data } = unmarked(adopted)
    const changes = new Operations()
    return await this.#target.engine.commit({
      write: 'save',
      loaded: adopted,
      data,
      changes,
      client,
      restartClock: false,
    })
  }

  /** The target's session, finished if only that was missing; undefined while it is not valid. */
  async #decided(adopted: Loaded, loaded?: Loaded): Promise<Loaded | undefined> {
    const mark = markOf(adopted)
    if (mark === undefined || adopted.key === null) return adopted
    const claims = loaded !== undefined && mark.startsWith(prefixOf(loaded))
    const claimed = claims && (await this.#source.claim(loaded, mark)) === 'done'
    if (!claimed && (await this.#source.claimed(adopted.key)) !== mark) return undefined
    // The mark stays in the source for other requests that are finishing the same migration.
    const finished = await this.#finish(adopted)
    return finished.outcome === 'saved' ? finished.loaded : undefined
  }

  /** Removes an adopted session because the source's was saved or ended meanwhile. */
  async #undo(adopted: Loaded): Promise<void> {
    if (markOf(adopted) === undefined || adopted.key === null) await this.#target.engine.end(adopted)
    else await this.#target.leave(adopted)
  }

  /** For a session that another request has migrated first, or that was ended. */
  async #follow(move: MigratingCommit): Promise<Committed> {
    const opened = await this.#openAdopted(move.loaded)
    return opened.live ? await this.#replay(move, opened.loaded) : await this.ended(move)
  }

  async #replay(move: MigratingCommit, loaded: Loaded): Promise<Committed> {
    return await this.#target.engine.commit({ ...move, loaded, data: move.changes.replayOn(loaded.data) })
  }

  async #reload(move: MigratingCommit): Promise<MigratingCommit | undefined> {
    const { loaded, changes } = move
    // A session in a cookie cannot have changed, only ended.
    if (loaded.key === null) return (await this.#source.claim(loaded, '')) === 'done' ? move : undefined
    const opened = await this.openSource(loaded.key)
    return opened.live ? { ...move, loaded: opened.loaded, data: changes.replayOn(opened.loaded.data) } : undefined
  }

  /** A sign-in starts a new session with its changes only; any other change of an ended session is refused. */
  async ended(move: Commit): Promise<Committed> {
    if (move.write !== 'cycle') return { outcome: 'ended' }
    const data = move.changes.replayOn(emptyData())
    const fresh: Commit = { ...move, write: 'create', loaded: undefined, data }
    return await (this.#current === this.#source.engine ? this.create(fresh) : this.#current.commit(fresh))
  }

  async #openAdopted(loaded: Loaded): Promise<Opened> {
    return await this.openTarget(this.#keyInTarget(loaded))
  }

  #note(loaded: Loaded): void {
    this.#fromSource.set(loaded, asMigratingSession(loaded))
  }

  #keyInTarget(loaded: Loaded): string {
    return this.#fromSource.get(loaded)?.key ?? ''
  }
}

/** A commit that changes nothing, of a session as it was read. */
export function unchanged(loaded: Loaded): MigratingCommit {
  const changes = new Operations()
  return { write: 'save', loaded, data: loaded.data, changes, client: NO_CLIENT, restartClock: false }
}
