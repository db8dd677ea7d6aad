import { hash } from 'node:crypto'
import { emptyData } from '../../core/data.ts'
import { KeyTakenError, SessionContendedError, SessionTooLargeError } from '../../core/errors.ts'
import type { ExpiryPolicy } from '../../core/expiry.ts'
import { newSessionKey } from '../../core/key.ts'
import { Operations } from '../../core/operations.ts'
import type { Outcome } from '../../core/outcome.ts'
import { userIdOf } from '../../core/user.ts'
import { CookieEngine } from '../cookie/cookie.ts'
import type { SignIn } from '../cookie/cookie-sign-in.ts'
import type { Client, Commit, Committed, Engine, Loaded, Opened, UserSessions } from '../engine.ts'
import { StoredEngine } from '../stored.ts'

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
// Holds the mark of a move that is not decided yet.
const MARK_KEY = '_session_moving'
const UNDECIDED: Opened = { live: false, suspicion: 'unknown-key' }
const NOBODY: Client = { ipAddress: null, userAgent: null }

/**
 * Two engines while sessions move from one to the other, without signing anybody out.
 *
 * Reads ask the new one, then the old one. A session moves with its first change. Into a store it moves under its own
 * key, or one that follows from its sign-in, and overlapping requests meet there; into a cookie under one sign-in, so
 * that all of its copies end together.
 *
 * One step decides a move, in the old engine and at the version that was read. Before it, the new engine has a record
 * that names a mark and counts for nobody; the step puts this mark in the place of the old one; after it the old one
 * counts for nobody, and the new one loses the name. So a crash anywhere loses nothing, and whoever comes next finishes
 * the move. Ending goes the same way, first in the old engine, where it prevents the step, and then in the new one,
 * where it prevents the rest. A new cookie, or a new key, counts for nobody until it is given out: there, leaving the
 * old engine decides.
 */
export class MovingEngine implements Engine {
  readonly name: string
  readonly expiry: ExpiryPolicy | undefined
  readonly cookieHoldsData: boolean
  readonly refreshesCookie: boolean
  readonly #to: Engine
  readonly #from: Engine
  readonly #sharesRecords: boolean
  readonly #now: () => number
  /** What was read from the old engine, and what the new one will know or knows it by. */
  readonly #old = new WeakMap<Loaded, Held>()

  constructor({ to, from, sharesRecords = false, now = Date.now }: MovingEngineOptions) {
    this.name = to.name
    this.expiry = to.expiry
    this.cookieHoldsData = to.cookieHoldsData === true || from.cookieHoldsData === true
    this.refreshesCookie = to.refreshesCookie === true
    this.#to = to
    this.#from = from
    this.#sharesRecords = sharesRecords
    this.#now = now
  }

  async open(cookie: string): Promise<Opened> {
    const opened = await this.#openNew(cookie)
    // What the new one knows as ended, the old one must not bring back.
    if (opened.live || opened.suspicion === 'revoked') return opened
    const older = await this.#openOld(cookie)
    if (older.live) return older
    // It may have moved between the two questions.
    const again = await this.#openNew(cookie)
    return again.live || again.suspicion !== 'malformed-cookie' ? again : older
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded } = commit
    // What was read under an old key of the old engine is for that engine to follow.
    if (loaded?.forwarded && this.#old.has(loaded)) return await this.#from.commit(commit)
    if (loaded !== undefined && this.#old.has(loaded)) return await this.#move({ ...commit, loaded })
    // First, for what a crash has left under the old key would be found again once the new engine has another.
    const mayBeLeft = loaded !== undefined && !(this.#sharesRecords && loaded.key !== null)
    if (mayBeLeft && commit.write === 'cycle') await this.#endOld(loaded)
    return await this.#to.commit(commit)
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined> {
    if (loaded.forwarded) return undefined
    if (!this.#old.has(loaded)) return await this.#to.touch(loaded)
    if (this.#keepsKey(loaded)) return await this.#touchOld(loaded)
    // It may have moved already, and the answer must not bring its old cookie back.
    if (loaded.key !== null && loaded.expires - this.#now() <= GRACE) return undefined
    const [data, changes, client] = [loaded.data, new Operations(), NOBODY]
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
    // The old one first: a move that is not decided yet never will be, and one that is has its record to be ended.
    await this.#endOld(loaded)
    await this.#to.end(this.#old.get(loaded) ?? loaded)
  }

  async adopt(commit: Move): Promise<Committed> {
    return await this.#to.adopt(commit)
  }

  async leave(loaded: Loaded, grace?: number, anew?: boolean) {
    return await (this.#old.has(loaded) ? this.#from : this.#to).leave(loaded, grace, anew)
  }

  async claim(loaded: Loaded, mark: string): Promise<Outcome> {
    return await (this.#old.has(loaded) ? this.#from : this.#to).claim(loaded, mark)
  }

  async claimed(key: string): Promise<string | undefined> {
    return (await this.#to.claimed(key)) ?? (await this.#from.claimed(key))
  }

  async endUser(userId: string, exceptId?: string | null): Promise<number | undefined> {
    let to: number | undefined
    let from: number | undefined
    try {
      // The old one first, as in endOne; and the new one in any case.
      from = await this.#from.endUser(userId, exceptId)
    } finally {
      to = await this.#to.endUser(userId, exceptId)
    }
    return to === undefined || from === undefined ? undefined : to + from
  }

  async listUser(userId: string, currentId?: string | null): Promise<UserSessions> {
    const both = await Promise.all([this.#listOld(userId, currentId), this.#to.listUser(userId, currentId)])
    // A session on its way may be in both under one id, and the new engine knows it better.
    const listed = new Map(both.flatMap((part) => part.listed).map((session) => [session.id, session]))
    return {
      listed: [...listed.values()],
      complete: both.every((part) => part.complete),
      endable: both.every((part) => part.endable),
    }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    const { leaving } = await this.#listOld(userId)
    // What only waits for its last requests has moved into a cookie, and its end would not be the session's.
    if (leaving.has(id)) return false
    // The old one first: a session that moves meanwhile is found missing there, or is in the new one by then.
    const left = await this.#from.endOne(userId, id)
    return (await this.#to.endOne(userId, id)) || left
  }

  /** What is in the old engine, and apart from it what may have moved into a cookie, and waits for its last requests. */
  async #listOld(userId: string, currentId?: string | null): Promise<UserSessions & { leaving: ReadonlySet<string> }> {
    const old = await this.#from.listUser(userId, currentId)
    const leaving = old.listed.filter(({ expires }) => this.#mayBeLeaving(expires))
    return {
      ...old,
      listed: old.listed.filter((one) => !leaving.includes(one)),
      leaving: new Set(leaving.map(({ id }) => id)),
    }
  }

  #mayBeLeaving(expires: number): boolean {
    return !(this.#to instanceof StoredEngine) && expires - this.#now() <= GRACE
  }

  /** What counts in the new engine. */
  async #openNew(cookie: string): Promise<Opened> {
    const opened = await this.#to.open(cookie)
    if (!opened.live || markOf(opened.loaded) === undefined) return opened
    const decided = await this.#decided(opened.loaded)
    if (decided !== undefined) return { live: true, loaded: decided }
    // It may have been finished between the two questions.
    const again = await this.#to.open(cookie)
    return again.live && markOf(again.loaded) !== undefined ? UNDECIDED : again
  }

  async #openOld(cookie: string): Promise<Opened> {
    const older = await this.#from.open(cookie)
    // Where both share a table, this is what the new engine has just found to count for nobody.
    if (older.live && markOf(older.loaded) !== undefined) return UNDECIDED
    if (older.live) this.#old.set(older.loaded, asMoved(older.loaded))
    return older
  }

  async #touchOld(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined> {
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
      const mark = `${prefixOf(move.loaded)}${newSessionKey()}`
      const adopted = await this.#adopt(move, mark)
      if (adopted?.outcome === 'ended') return await this.#ended(move)
      const left = adopted && (await this.#leaveOld(move, adopted.loaded, mark))
      if (adopted && left === 'done') return await this.#finished(move, adopted)
      if (adopted) await this.#undo(adopted.loaded)
      const other = await this.#to.open(this.#old.get(move.loaded)?.key ?? '')
      const loaded = other.live ? await this.#decided(other.loaded, move.loaded) : undefined
      if (loaded !== undefined) return await this.#onTop(move, loaded)
      const reloaded = left === 'missing' ? undefined : await this.#reload(move)
      if (reloaded === undefined) return await this.#follow(move)
      // Left by a crash in a move of an older state, which nobody can finish.
      if (other.live && !markOf(other.loaded)?.startsWith(prefixOf(reloaded.loaded))) await this.#undo(other.loaded)
      move = reloaded
    }
    throw new SessionContendedError()
  }

  /** The step that decides. */
  async #leaveOld({ loaded, write, restartClock }: Move, young: Loaded, mark: string): Promise<Outcome> {
    if (write === 'cycle') return await this.#from.leave(loaded, 0, restartClock)
    if (young.key === null) return await this.#from.leave(loaded, GRACE)
    const claimed = await this.#from.claim(loaded, mark)
    // Another request may have taken the step for this one.
    return claimed === 'done' || (await this.#from.claimed(young.key)) !== mark ? claimed : 'done'
  }

  /** The rest of a move that is decided. */
  async #finished({ loaded, write, client }: Move, adopted: Committed & { outcome: 'saved' }): Promise<Committed> {
    if (write === 'cycle') return adopted
    if (adopted.loaded.key === null) {
      // A cookie needs no mark, and this one has not been given out yet.
      const unmarked = markOf(adopted.loaded) && (await this.#to.touch(withoutMark(adopted.loaded)))
      return unmarked ? { ...adopted, ...unmarked } : adopted
    }
    const finished = await this.#finish(adopted.loaded, client)
    if (loaded.key === null) await this.#from.leave(loaded, GRACE)
    else await this.#from.end(loaded)
    return finished
  }

  /** Never writes over a newer state, and finds nothing when the session has been ended. */
  async #finish(young: Loaded, client: Client = NOBODY): Promise<Committed> {
    const { data } = withoutMark(young)
    const commit = {
      write: 'save',
      loaded: young,
      data,
      changes: new Operations(),
      client,
      restartClock: false,
    } as const
    return await this.#to.commit(commit)
  }

  /** What the new engine has, finished if that is all that was missing; undefined while it counts for nobody. */
  async #decided(young: Loaded, old?: Loaded): Promise<Loaded | undefined> {
    const mark = markOf(young)
    if (mark === undefined || young.key === null) return young
    const claims = old !== undefined && mark.startsWith(prefixOf(old))
    const claimed = claims && (await this.#from.claim(old, mark)) === 'done'
    if (!claimed && (await this.#from.claimed(young.key)) !== mark) return undefined
    // The mark stays for whoever else is about to finish the same move.
    const finished = await this.#finish(young)
    return finished.outcome === 'saved' ? finished.loaded : undefined
  }

  /** What was taken over and is worth nothing, for somebody has saved or ended it in the old engine. */
  async #undo(young: Loaded): Promise<void> {
    if (markOf(young) === undefined || young.key === null) await this.#to.end(young)
    else await this.#to.leave(young)
  }

  /** Undefined when the new engine has it already. */
  async #adopt(move: Move, mark: string): Promise<Committed | undefined> {
    const { loaded } = move
    // A sign-in is a session of its own; it takes the data along, and nothing that it goes by.
    if (move.write === 'cycle') return await this.#to.adopt(move)
    const trace = this.#keepsKey(loaded) ? null : ((loaded as Held).signIn?.id ?? loaded.key)
    const data = Object.assign(emptyData(), move.data, trace === null ? {} : { [MOVED_KEY]: trace })
    if (!(this.#to instanceof CookieEngine)) data[MARK_KEY] = mark
    try {
      return await this.#to.adopt({ ...move, loaded: this.#old.get(loaded) ?? loaded, data })
    } catch (error) {
      if (error instanceof KeyTakenError) return undefined
      throw error
    }
  }

  /** Another request has moved it first, or it has been ended. */
  async #follow(move: Move): Promise<Committed> {
    const opened = await this.#openNew(this.#old.get(move.loaded)?.key ?? '')
    return opened.live ? await this.#onTop(move, opened.loaded) : await this.#ended(move)
  }

  async #onTop(move: Move, loaded: Loaded): Promise<Committed> {
    return await this.#to.commit({ ...move, loaded, data: move.changes.replayOn(loaded.data) })
  }

  async #reload(move: Move): Promise<Move | undefined> {
    // A cookie is as it was, unless it has been ended.
    if (move.loaded.key === null) return (await this.#from.claim(move.loaded, '')) === 'done' ? move : undefined
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

/** What a session is marked with in the new engine while its move is not decided; what a cookie alone holds needs none. */
function markOf({ data }: Loaded): string | undefined {
  const mark = data[MARK_KEY]
  return typeof mark === 'string' ? mark : undefined
}

function withoutMark(loaded: Loaded): Loaded {
  const data = Object.assign(emptyData(), loaded.data)
  delete data[MARK_KEY]
  return { ...loaded, data }
}

/** How marks begin that stand for this state of a session: text that no codec takes for data. */
function prefixOf({ version }: Loaded): string {
  return `moving ${hash('sha256', String(version), 'base64url')} `
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
  const signInId = loaded.id === null ? name('sign-in') : `${loaded.id}.${name('sign-in')}`
  return { ...loaded, key: next, signIn: userId === null ? undefined : { userId, id: signInId, epoch: 0 } }
}
