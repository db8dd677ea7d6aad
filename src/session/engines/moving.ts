import { emptyData } from '../data.ts'
import { KeyTakenError, SessionContendedError } from '../errors.ts'
import type { ExpiryPolicy } from '../expiry.ts'
import type { Commit, Committed, Engine, Loaded, Opened, UserSessions } from './engine.ts'
import { StoredEngine } from './stored.ts'

/** Where sessions go, and where older ones still are. */
export interface MovingEngineOptions {
  readonly to: Engine
  readonly from: Engine
}

type Move = Commit & { loaded: Loaded }
type Saved = Committed & { outcome: 'saved' }

const ATTEMPTS = 10
// Requests that were sent with the old key while the answer brought a new cookie.
const GRACE = 60_000
// Names the record that stays for them, so that a logout ends it too.
const MOVED_KEY = '_session_moved_from'

/**
 * Two engines while sessions move from one to the other, without signing anybody out.
 *
 * Reads ask the new one, then the old one. A session moves with its first change: the new engine has it before the old
 * one forgets it, so a crash in between loses nothing. Between two stores it keeps its key, and overlapping requests meet
 * there. Ending ends in both.
 */
export class MovingEngine implements Engine {
  readonly name: string
  readonly expiry: ExpiryPolicy | undefined
  readonly #to: Engine
  readonly #from: Engine
  readonly #old = new WeakSet<Loaded>()

  constructor({ to, from }: MovingEngineOptions) {
    this.name = to.name
    this.expiry = to.expiry
    this.#to = to
    this.#from = from
  }

  async open(cookie: string): Promise<Opened> {
    const opened = await this.#to.open(cookie)
    if (opened.live) return opened
    const older = await this.#openOld(cookie)
    if (older.live) return older
    // It may have moved between the two questions.
    const again = await this.#to.open(cookie)
    return again.live || again.suspicion !== 'malformed-cookie' ? again : older
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded } = commit
    if (loaded === undefined || !this.#old.has(loaded)) return await this.#to.commit(commit)
    return await this.#move({ ...commit, loaded })
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (!this.#old.has(loaded)) return await this.#to.touch(loaded)
    const touched = await this.#from.touch(loaded)
    if (touched !== undefined) this.#old.add(touched.loaded)
    return touched
  }

  async end(loaded: Loaded): Promise<void> {
    await this.#to.end(loaded)
    const moved = loaded.data[MOVED_KEY]
    await this.#from.end(typeof moved === 'string' ? { ...loaded, key: moved } : loaded)
  }

  async adopt(commit: Move): Promise<Saved> {
    return await this.#to.adopt(commit)
  }

  async leave(loaded: Loaded, grace?: number) {
    return await (this.#old.has(loaded) ? this.#from : this.#to).leave(loaded, grace)
  }

  async endUser(userId: string, except?: string | null): Promise<number | undefined> {
    const [to, from] = await Promise.all([this.#to.endUser(userId, except), this.#from.endUser(userId, except)])
    return to === undefined || from === undefined ? undefined : to + from
  }

  async listUser(userId: string, current?: string | null): Promise<UserSessions> {
    const both = await Promise.all([this.#from.listUser(userId, current), this.#to.listUser(userId, current)])
    // A session on its way may be in both under one name, and the new engine knows it better.
    const listed = new Map(both.flatMap((part) => part.listed).map((session) => [session.key, session]))
    return {
      listed: [...listed.values()],
      complete: both.every((part) => part.complete),
      endable: both.every((part) => part.endable),
    }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    // The old one first: a session that moves meanwhile is found missing there, or is in the new one by then.
    const left = await this.#from.endOne(userId, id)
    return (await this.#to.endOne(userId, id)) || left
  }

  async #openOld(cookie: string): Promise<Opened> {
    const older = await this.#from.open(cookie)
    if (older.live) this.#old.add(older.loaded)
    return older
  }

  async #move(commit: Move): Promise<Committed> {
    let move = commit
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const keepsKey = this.#to instanceof StoredEngine && move.loaded.key !== null
      const adopted = await this.#adopt(move, keepsKey)
      if (adopted === undefined) return await this.#follow(move)
      const left = await this.#from.leave(move.loaded, keepsKey || move.write === 'cycle' ? 0 : GRACE)
      if (left === 'done') return adopted
      // Somebody has saved to the old one, or ended it there: what was taken over is worth nothing.
      await this.#to.end(adopted.loaded)
      const reloaded = left === 'conflict' ? await this.#reload(move) : undefined
      if (reloaded === undefined) return await this.#ended(commit)
      move = reloaded
    }
    throw new SessionContendedError()
  }

  async #adopt(move: Move, keepsKey: boolean): Promise<Saved | undefined> {
    const { key } = move.loaded
    const trace = keepsKey || key === null || move.write === 'cycle' ? {} : { [MOVED_KEY]: key }
    try {
      return await this.#to.adopt({ ...move, data: Object.assign(emptyData(), move.data, trace) })
    } catch (error) {
      if (error instanceof KeyTakenError) return undefined
      throw error
    }
  }

  /** Another request has moved it first: this one's changes go on top. */
  async #follow(move: Move): Promise<Committed> {
    const opened = await this.#to.open(move.loaded.key ?? '')
    if (!opened.live) return await this.#ended(move)
    const { loaded } = opened
    return await this.#to.commit({ ...move, loaded, data: move.changes.replayOn(loaded.data) })
  }

  async #reload(move: Move): Promise<Move | undefined> {
    const opened = await this.#openOld(move.loaded.key ?? '')
    return opened.live ? { ...move, loaded: opened.loaded, data: move.changes.replayOn(opened.loaded.data) } : undefined
  }

  /** A sign-in stands on its own; any other change of an ended session is refused. */
  async #ended(commit: Commit): Promise<Committed> {
    if (commit.write !== 'cycle') return { outcome: 'ended' }
    const data = commit.changes.replayOn(emptyData())
    return await this.#to.commit({ ...commit, write: 'create', loaded: undefined, data })
  }
}
