import { plainJson, type SessionData } from '../../core/data.ts'
import { userIdOf } from '../../core/user.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened } from '../engine.ts'

/** The key in the target that an old key leads to, and the data from before the change of key. */
interface Late {
  readonly key: string
  readonly before: SessionData
}

/**
 * Sessions of late requests with a key that was changed in the source, whose session has migrated since. As in one
 * engine they see the data as they were, their changes are replayed on the session, and their responses set no cookie.
 */
export class LateSessions {
  readonly #target: Engine
  readonly #openTarget: (key: string) => Promise<Opened>
  readonly #late = new WeakMap<Loaded, Late>()

  constructor(target: Engine, openTarget: (key: string) => Promise<Opened>) {
    this.#target = target
    this.#openTarget = openTarget
  }

  /** Whether it was opened here. */
  has(loaded: Loaded): boolean {
    return this.#late.has(loaded)
  }

  /** Opens the session that an old key of the source leads to, unless another user has it by now. */
  async open({ loaded, key }: { loaded: Loaded; key: string }): Promise<Opened | undefined> {
    const next = await this.#openTarget(key)
    const user = userIdOf(loaded.data)
    if (!next.live || (user !== null && user !== userIdOf(next.loaded.data))) return undefined
    const late: Loaded = { ...loaded, id: next.loaded.id, forwarded: true }
    this.#late.set(late, { key, before: plainJson(loaded.data) as SessionData })
    return { live: true, loaded: late }
  }

  /** @param withoutSession what a sign-in does if its session is another user's */
  async commit(commit: Commit & { loaded: Loaded }, withoutSession: () => Promise<Committed>): Promise<Committed> {
    const { loaded, changes, write, restartClock } = commit
    const { next, before } = await this.#newest(loaded)
    if (next === undefined) return { outcome: 'ended' }
    const user = userIdOf(next.data)
    const signsIn = write === 'cycle' && restartClock
    if (signsIn && user !== userIdOf(commit.data)) {
      if (user !== null) return await withoutSession()
      return await this.#target.commit({ ...commit, loaded: next, data: changes.replayOn(next.data) })
    }
    if (!signsIn && user !== userIdOf(before) && !changes.survivesSignIn) return { outcome: 'ended' }
    // First, because the operations report on the last replay, which must be the one that is saved.
    const seen = changes.replayOn(before)
    const others = changes.withoutSignIn()
    const data = others.replayOn(next.data)
    const saved = await this.#target.commit({ ...commit, write: 'save', loaded: next, changes: others, data })
    if (saved.outcome === 'ended' || signsIn) return saved
    const view: Loaded = { ...loaded, data: seen }
    this.#late.set(view, { key: next.key ?? '', before: seen })
    return { outcome: 'saved', loaded: view, cookie: undefined, replayed: true }
  }

  /** Ends the session in the target; the caller ends the old key. */
  async end(loaded: Loaded): Promise<Ended> {
    const { next, before } = await this.#newest(loaded)
    if (next === undefined) return { outcome: 'ended' }
    if (userIdOf(next.data) !== userIdOf(before)) return { outcome: 'user-changed' }
    const ended = await this.#target.end(next)
    return ended.outcome === 'ended' ? { outcome: 'ended', last: before } : ended
  }

  async #newest(loaded: Loaded): Promise<{ next: Loaded | undefined; before: SessionData }> {
    const { key, before } = this.#late.get(loaded) ?? { key: '', before: loaded.data }
    const opened = await this.#openTarget(key)
    return { next: opened.live ? opened.loaded : undefined, before }
  }
}
