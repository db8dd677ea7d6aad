import { hash } from 'node:crypto'
import { Changes } from '../changes.ts'
import { emptyData } from '../data.ts'
import { KeyTakenError, SessionContendedError, SessionTooLargeError } from '../errors.ts'
import type { ExpiryPolicy } from '../expiry.ts'
import type { SignIn } from './cookie-sign-in.ts'
import {
  type Commit,
  type Committed,
  type Engine,
  type Loaded,
  type Opened,
  type UserSessions,
  userIdOf,
} from './engine.ts'
import { StoredEngine } from './stored.ts'

/** Where sessions go, and where older ones still are. */
export interface MovingEngineOptions {
  readonly to: Engine
  readonly from: Engine
  /** Whether both keep their records in one place, so that only what is in cookies has to move. */
  readonly sharesRecords?: boolean
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

type Move = Commit & { loaded: Loaded }
/** What an engine over cookies knows of a session beside the rest. */
type Held = Loaded & { readonly signIn?: SignIn | undefined }

const ATTEMPTS = 10
// Requests that were sent with the old cookie while the answer brought a new one.
const GRACE = 60_000
// Names what stays for them, so that a logout ends it too.
const MOVED_KEY = '_session_moved_from'

/**
 * Two engines while sessions move from one to the other, without signing anybody out.
 *
 * Reads ask the new one, then the old one. A session moves with its first change: the new engine has it before the old
 * one forgets it, so a crash in between loses nothing. Into a store it moves under its own key, or one that follows from
 * its sign-in, and overlapping requests meet there; into a cookie under one sign-in, so that all of its copies end
 * together. Ending ends in both.
 */
export class MovingEngine implements Engine {
  readonly name: string
  readonly expiry: ExpiryPolicy | undefined
  readonly #to: Engine
  readonly #from: Engine
  readonly #sharesRecords: boolean
  readonly #now: () => number
  /** What was read from the old engine, and what the new one will know or knows it by. */
  readonly #old = new WeakMap<Loaded, Held>()

  constructor({ to, from, sharesRecords = false, now = Date.now }: MovingEngineOptions) {
    this.name = to.name
    this.expiry = to.expiry
    this.#to = to
    this.#from = from
    this.#sharesRecords = sharesRecords
    this.#now = now
  }

  async open(cookie: string): Promise<Opened> {
    const opened = await this.#to.open(cookie)
    // What the new one knows as ended, the old one must not bring back.
    if (opened.live || opened.suspicion === 'revoked') return opened
    const older = await this.#openOld(cookie)
    if (older.live) return older
    // It may have moved between the two questions.
    const again = await this.#to.open(cookie)
    return again.live || again.suspicion !== 'malformed-cookie' ? again : older
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded } = commit
    if (loaded !== undefined && this.#old.has(loaded)) return await this.#move({ ...commit, loaded })
    // First, for what a crash has left under the old key would be found again once the new engine has another.
    const mayBeLeft = loaded !== undefined && !(this.#sharesRecords && loaded.key !== null)
    if (mayBeLeft && commit.write === 'cycle') await this.#endOld(loaded)
    return await this.#to.commit(commit)
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (!this.#old.has(loaded)) return await this.#to.touch(loaded)
    if (this.#keepsKey(loaded)) return await this.#touchOld(loaded)
    // It may have moved already, and the answer must not bring its old cookie back.
    if (loaded.key !== null && loaded.expires - this.#now() <= GRACE) return undefined
    const [data, changes, client] = [loaded.data, new Changes(), { ipAddress: null, userAgent: null }]
    try {
      // A new cookie of the old engine would end with the old one, if another request is moving the session now.
      const moved = await this.#move({ write: 'save', loaded, data, changes, client, restartClock: false })
      return moved.outcome === 'saved' ? moved : undefined
    } catch (error) {
      if (error instanceof SessionTooLargeError) return await this.#touchOld(loaded)
      throw error
    }
  }

  async end(loaded: Loaded): Promise<void> {
    await this.#to.end(this.#old.get(loaded) ?? loaded)
    await this.#endOld(loaded)
  }

  async adopt(commit: Move): Promise<Committed> {
    return await this.#to.adopt(commit)
  }

  async leave(loaded: Loaded, grace?: number, anew?: boolean) {
    return await (this.#old.has(loaded) ? this.#from : this.#to).leave(loaded, grace, anew)
  }

  async endUser(userId: string, except?: string | null): Promise<number | undefined> {
    let to: number | undefined
    let from: number | undefined
    try {
      // The old one first, as in endOne; and the new one in any case.
      from = await this.#from.endUser(userId, except)
    } finally {
      to = await this.#to.endUser(userId, except)
    }
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
    if (older.live) this.#old.set(older.loaded, asMoved(older.loaded))
    return older
  }

  async #touchOld(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    const touched = await this.#from.touch(loaded)
    if (touched !== undefined) this.#old.set(touched.loaded, asMoved(touched.loaded))
    return touched
  }

  async #endOld(loaded: Loaded): Promise<void> {
    const moved = this.#old.has(loaded) ? undefined : loaded.data[MOVED_KEY]
    if (typeof moved !== 'string') return await this.#from.end(loaded)
    const old: Held = { ...loaded, key: moved, signIn: { userId: '', id: moved, epoch: 0 } }
    await this.#from.end(old)
  }

  #keepsKey({ key }: Loaded): boolean {
    return this.#to instanceof StoredEngine && key !== null
  }

  async #move(commit: Move): Promise<Committed> {
    let move = commit
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const adopted = await this.#adopt(move)
      if (adopted === undefined) return await this.#follow(move)
      if (adopted.outcome === 'ended') return await this.#ended(move)
      const grace = move.write === 'cycle' || this.#keepsKey(move.loaded) ? 0 : GRACE
      const left = await this.#from.leave(move.loaded, grace, move.write === 'cycle' && move.restartClock)
      if (left === 'done') return adopted
      // Somebody has saved to the old one, or ended it there: what was taken over is worth nothing.
      await this.#to.end(adopted.loaded)
      const reloaded = left === 'conflict' ? await this.#reload(move) : undefined
      if (reloaded === undefined) return await this.#follow(move)
      move = reloaded
    }
    throw new SessionContendedError()
  }

  /** Undefined when the new engine has it already. */
  async #adopt(move: Move): Promise<Committed | undefined> {
    const { loaded } = move
    // A sign-in is a session of its own; it takes the data along, and nothing that it goes by.
    if (move.write === 'cycle') return await this.#to.adopt(move)
    const trace = this.#keepsKey(loaded) ? null : ((loaded as Held).signIn?.id ?? loaded.key)
    const data = Object.assign(emptyData(), move.data, trace === null ? {} : { [MOVED_KEY]: trace })
    try {
      return await this.#to.adopt({ ...move, loaded: this.#old.get(loaded) ?? loaded, data })
    } catch (error) {
      if (error instanceof KeyTakenError) return undefined
      throw error
    }
  }

  /** Another request has moved it first: this one's changes go on top. */
  async #follow(move: Move): Promise<Committed> {
    const opened = await this.#to.open(this.#old.get(move.loaded)?.key ?? '')
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

/** A session as the new engine is to know it: whoever moves the same state of it gives it the same key and sign-in. */
function asMoved(loaded: Held): Held {
  const { key, signIn, version } = loaded
  const userId = userIdOf(loaded.data)
  const known = signIn?.id ?? key
  if (known === null) return loaded
  const name = (what: string) => hash('sha256', `holdfast moved ${what}\0${known}\0${version}`, 'hex')
  // As unguessable as what it follows from, which nobody has but the visitor.
  const next =
    key ??
    BigInt(`0x${name('key')}`)
      .toString(36)
      .padStart(32, '0')
      .slice(-32)
  return { ...loaded, key: next, signIn: userId === null ? undefined : { userId, id: name('sign-in'), epoch: 0 } }
}
