import { emptyData } from '../../core/data.ts'
import { KeyTakenError } from '../../core/errors.ts'
import { newSessionKey } from '../../core/key.ts'
import { Operations } from '../../core/operations.ts'
import type { Outcome } from '../../core/outcome.ts'
import { retry } from '../../core/retry.ts'
import type { Client, Commit, Committed, Ended, Loaded, Opened } from '../engine.ts'
import { asMigrant, marked, markOf, prefixOf, traceOf, unmarked } from './marks.ts'
import type { Migrant, Migratable } from './migratable.ts'

/** Between which engines sessions migrate. */
export interface MigrationOptions {
  readonly target: Migratable
  readonly source: Migratable
  /** Milliseconds since 1970. */
  readonly now: () => number
}

type Move = Commit & { loaded: Loaded }
type Saved = Committed & { outcome: 'saved' }

const MAX_ATTEMPTS = 10
/** Milliseconds for requests that were sent with the source's cookie while the answer brought the target's. */
export const GRACE = 60_000
const UNDECIDED: Opened = { live: false, suspicion: 'unknown-key' }
/** For what is written without a request. */
export const NOBODY: Client = { ipAddress: null, userAgent: null }

/**
 * The way of one session from the source to the target.
 *
 * One step decides it, in the source and at the version that was read. Before it, the target has a record that names a
 * mark and counts for nobody; the step puts this mark in the place of the source's; after it the source's counts for
 * nobody, and the target's loses the name. So a crash anywhere loses nothing, and whoever comes next finishes it. A new
 * cookie, or a new key, counts for nobody until it is given out: there, leaving the source decides.
 */
export class Migration {
  readonly #target: Migratable
  readonly #source: Migratable
  readonly #now: () => number
  /** What was read from the source, as the target will know or knows it. */
  readonly #migrants = new WeakMap<Loaded, Migrant>()

  constructor({ target, source, now }: MigrationOptions) {
    this.#target = target
    this.#source = source
    this.#now = now
  }

  /** What counts in the target. */
  async openTarget(cookie: string): Promise<Opened> {
    const opened = await this.#target.engine.open(cookie)
    if (!opened.live || markOf(opened.loaded) === undefined) return opened
    const decided = await this.#decided(opened.loaded)
    if (decided !== undefined) return { live: true, loaded: decided }
    // It may have been finished between the two questions.
    const again = await this.#target.engine.open(cookie)
    return again.live && markOf(again.loaded) !== undefined ? UNDECIDED : again
  }

  /** What is in the source still. */
  async openSource(cookie: string): Promise<Opened> {
    const opened = await this.#source.engine.open(cookie)
    // Where both share a table, this is what the target has just found to count for nobody.
    if (opened.live && markOf(opened.loaded) !== undefined) return UNDECIDED
    if (opened.live) this.#migrants.set(opened.loaded, asMigrant(opened.loaded))
    return opened
  }

  /** Moves the expiry where the session stays in the source for now. */
  async touchSource(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined> {
    const touched = await this.#source.engine.touch(loaded)
    if (touched !== undefined) this.#migrants.set(touched.loaded, asMigrant(touched.loaded))
    return touched
  }

  /** Ends what the source has, or has left, of a session from either. */
  async endSource(loaded: Loaded): Promise<Ended> {
    return await this.#source.end(loaded, this.isFromSource(loaded) ? undefined : traceOf(loaded))
  }

  /** Whether it was read from the source. */
  isFromSource(loaded: Loaded): boolean {
    return this.#migrants.has(loaded)
  }

  /** What the target knows, or would know, it by. */
  asInTarget(loaded: Loaded): Migrant {
    return this.#migrants.get(loaded) ?? loaded
  }

  /** Whether it will have the same key in the target. */
  keepsKey({ key }: Loaded): boolean {
    return this.#target.keepsKeys && key !== null
  }

  /**
   * Commits what was read from the source in the target; where another request was first, on top of what that has left.
   *
   * @throws SessionContendedError, SessionTooLargeError
   */
  async commit(move: Move): Promise<Committed> {
    let current = move
    return await retry(async () => {
      const mark = `${prefixOf(current.loaded)}${newSessionKey()}`
      const adopted = await this.#adopt(current, mark)
      if (adopted?.outcome === 'ended') return await this.#ended(current)
      const left = adopted && (await this.#leave(current, adopted.loaded, mark))
      if (adopted && left === 'done') return await this.#finished(current, adopted)
      if (adopted) await this.#undo(adopted.loaded)
      const other = await this.#target.engine.open(this.#keyInTarget(current.loaded))
      const loaded = other.live ? await this.#decided(other.loaded, current.loaded) : undefined
      if (loaded !== undefined) return await this.#onTop(current, loaded)
      const reloaded = left === 'missing' ? undefined : await this.#reload(current)
      if (reloaded === undefined) return await this.#follow(current)
      // Left by a crash in the migration of an older state, which nobody can finish.
      if (other.live && !markOf(other.loaded)?.startsWith(prefixOf(reloaded.loaded))) await this.#undo(other.loaded)
      current = reloaded
      return undefined
    }, MAX_ATTEMPTS)
  }

  /** Undefined when the target has it already. */
  async #adopt(move: Move, mark: string): Promise<Committed | undefined> {
    const { loaded } = move
    // A sign-in is a session by itself; it takes the data along, and nothing that it goes by.
    if (move.write === 'cycle') return await this.#target.adopt(move)
    const trace = this.keepsKey(loaded) ? null : ((loaded as Migrant).signIn?.id ?? loaded.key)
    const data = marked(move.data, this.#target.needsMark ? mark : undefined, trace)
    try {
      return await this.#target.adopt({ ...move, loaded: this.asInTarget(loaded), data })
    } catch (error) {
      if (error instanceof KeyTakenError) return undefined
      throw error
    }
  }

  /** The step that decides. */
  async #leave({ loaded, write, restartClock }: Move, adopted: Loaded, mark: string): Promise<Outcome> {
    if (write === 'cycle') return await this.#source.leave(loaded, { signsIn: restartClock })
    if (adopted.key === null) return await this.#source.leave(loaded, { until: this.#now() + GRACE })
    const claimed = await this.#source.claim(loaded, mark)
    // Another request may have taken the step for this one.
    return claimed === 'done' || (await this.#source.claimed(adopted.key)) !== mark ? claimed : 'done'
  }

  /** What follows the step. */
  async #finished({ loaded, write, client }: Move, adopted: Saved): Promise<Committed> {
    if (write === 'cycle') return adopted
    if (adopted.loaded.key === null) {
      // A cookie needs no mark, and this one has not been given out yet.
      const clean = markOf(adopted.loaded) && (await this.#target.engine.touch(unmarked(adopted.loaded)))
      return clean ? { ...adopted, ...clean } : adopted
    }
    const finished = await this.#finish(adopted.loaded, client)
    if (loaded.key === null) await this.#source.leave(loaded, { until: this.#now() + GRACE })
    else await this.#source.end(loaded)
    return finished
  }

  /** Never writes over a newer state, and finds nothing when the session has been ended. */
  async #finish(adopted: Loaded, client: Client = NOBODY): Promise<Committed> {
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

  /** What the target has, finished if that is all that was missing; undefined while it counts for nobody. */
  async #decided(adopted: Loaded, loaded?: Loaded): Promise<Loaded | undefined> {
    const mark = markOf(adopted)
    if (mark === undefined || adopted.key === null) return adopted
    const claims = loaded !== undefined && mark.startsWith(prefixOf(loaded))
    const claimed = claims && (await this.#source.claim(loaded, mark)) === 'done'
    if (!claimed && (await this.#source.claimed(adopted.key)) !== mark) return undefined
    // The mark stays in the source for whoever else is about to finish the same.
    const finished = await this.#finish(adopted)
    return finished.outcome === 'saved' ? finished.loaded : undefined
  }

  /** What was adopted and is worth nothing, for somebody has saved or ended it in the source. */
  async #undo(adopted: Loaded): Promise<void> {
    if (markOf(adopted) === undefined || adopted.key === null) await this.#target.engine.end(adopted)
    else await this.#target.leave(adopted)
  }

  /** Another request has migrated it first, or it has been ended. */
  async #follow(move: Move): Promise<Committed> {
    const opened = await this.openTarget(this.#keyInTarget(move.loaded))
    return opened.live ? await this.#onTop(move, opened.loaded) : await this.#ended(move)
  }

  async #onTop(move: Move, loaded: Loaded): Promise<Committed> {
    return await this.#target.engine.commit({ ...move, loaded, data: move.changes.replayOn(loaded.data) })
  }

  async #reload(move: Move): Promise<Move | undefined> {
    const { loaded, changes } = move
    // A cookie is as it was, unless it has been ended.
    if (loaded.key === null) return (await this.#source.claim(loaded, '')) === 'done' ? move : undefined
    const opened = await this.openSource(loaded.key)
    return opened.live ? { ...move, loaded: opened.loaded, data: changes.replayOn(opened.loaded.data) } : undefined
  }

  /** A sign-in goes on with its own changes alone; any other change of an ended session is refused. */
  async #ended(move: Move): Promise<Committed> {
    if (move.write !== 'cycle') return { outcome: 'ended' }
    const data = move.changes.replayOn(emptyData())
    return await this.#target.engine.commit({ ...move, write: 'create', loaded: undefined, data })
  }

  #keyInTarget(loaded: Loaded): string {
    return this.#migrants.get(loaded)?.key ?? ''
  }
}
