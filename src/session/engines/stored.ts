import type { Codec } from '../codec/codec.ts'
import { emptyData, plainJson, type SessionData } from '../core/data.ts'
import type { Observer } from '../core/events.ts'
import type { ExpiryPolicy } from '../core/expiry.ts'
import { isSessionKey, newSessionId } from '../core/key.ts'
import { KeyedQueue } from '../core/queue.ts'
import { MAX_ATTEMPTS, retry } from '../core/retry.ts'
import { userIdOf } from '../core/user.ts'
import type { SessionStore } from '../stores/store.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, UserSessions } from './engine.ts'
import { hasRecord, type Live, Records } from './records.ts'
import { endSessionOf, endSessionsOf, sessionsOf } from './user-sessions.ts'

/** Options for {@link StoredEngine}. */
export interface StoredEngineOptions {
  /** What SESSION_ENGINE calls it; the store's name by default. */
  readonly name?: string
  readonly store: SessionStore
  readonly codec: Codec
  readonly expiry: ExpiryPolicy
  /**
   * Seconds for which the old key is good for late requests after a change of key: as long as the server lets a request
   * take; 60 by default.
   */
  readonly forwardFor?: number
  /** Columns of the application's own, taken from the data at each save; the store must know their names. */
  readonly columns?: (data: SessionData) => Readonly<Record<string, string | number | null>>
  readonly observe?: Observer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const FORWARD_FOR = 60

type Saved = Committed & { outcome: 'saved' }

/** What became of a commit, and the newest state that the next in line can start from, if it is known. */
interface Turn {
  readonly committed: Committed
  readonly newest?: Live | 'gone'
}

const ENDED: Ended = { outcome: 'ended' }
const GONE: Turn = { committed: { outcome: 'ended' }, newest: 'gone' }

/**
 * Sessions in a store, with a key in the cookie. Keeps the two guarantees by versioned saves and replay.
 *
 * A change of key is three steps, each of which may be the last: the successor is created with a short life; a forward,
 * which holds its key and the data as they were, takes the place of the old record at the version that was read; the
 * successor gets its full life. Late requests with the old key see the old data, their changes are replayed on the
 * successor, and their answers set no cookie.
 */
export class StoredEngine implements Engine {
  readonly name: string
  readonly store: SessionStore
  readonly codec: Codec
  /** Its single steps, of which the methods are put together. */
  readonly records: Records
  readonly refreshesCookie: boolean
  readonly #observe: Observer
  readonly #now: () => number
  readonly #queue = new KeyedQueue<Turn>()

  constructor({ name, store, codec, expiry, forwardFor = FORWARD_FOR, columns, observe, now }: StoredEngineOptions) {
    this.name = name ?? store.name
    this.store = store
    this.codec = codec
    this.refreshesCookie = codec.name === 'django'
    this.#observe = observe ?? (() => {})
    this.#now = now ?? Date.now
    const [observed, clock] = [this.#observe, this.#now]
    this.records = new Records({ store, codec, expiry, forwardFor, columns, observe: observed, now: clock })
  }

  async open(cookie: string): Promise<Opened> {
    if (!isSessionKey(cookie)) return { live: false, suspicion: 'malformed-cookie' }
    const found = await this.records.load(cookie)
    if (!found.live || found.successor === undefined) return found
    const end = await this.records.endOf(found.loaded, found.successor)
    if (end === undefined) return { live: false, suspicion: 'unknown-key' }
    this.#observe({ type: 'forward' })
    return { live: true, loaded: { ...found.loaded, id: end.id, forwarded: true } }
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded, write } = commit
    if (write === 'create' || !hasRecord(loaded))
      return await this.#begin(commit, plainJson(commit.data) as SessionData)
    const turn = await this.#queue.run(loaded.key, async (before) => {
      // Whoever ran before in this process has ended the session, or knows its newest state.
      const known = before?.newest
      if (known === 'gone') return write === 'save' ? GONE : await this.#withoutSession(commit)
      const newest = known ?? loaded
      if (newest.forwarded) return await this.#commitLate(commit, loaded.key)
      return write === 'cycle' ? await this.#changeKey(commit, loaded.key) : await this.#save(commit, newest)
    })
    return turn.committed
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (!hasRecord(loaded) || loaded.forwarded) return undefined
    const touched = await this.records.touch(loaded)
    return typeof touched === 'string' ? undefined : { loaded: touched, cookie: touched.key }
  }

  async end(loaded: Loaded): Promise<Ended> {
    if (!hasRecord(loaded)) return ENDED
    // At the version that was read, or a change of key meanwhile would be missed.
    const first = loaded.forwarded ? 'conflict' : await this.records.delete(loaded)
    if (first !== 'conflict') return first === 'missing' && this.#mayBeSignedIn(loaded) ? { outcome: 'foreign' } : ENDED
    return await retry(() => this.#endNewest(loaded.key))
  }

  async endUser(userId: string, exceptId: string | null = null): Promise<number> {
    return await endSessionsOf(this.store, userId, exceptId)
  }

  async listUser(userId: string, currentId: string | null = null): Promise<UserSessions> {
    return await sessionsOf(this.store, userId, currentId)
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    return await endSessionOf(this.store, userId, id)
  }

  /** A new record: of a session that begins, or that has had none. */
  async #begin({ loaded, restartClock, client, id }: Commit, data: SessionData): Promise<Saved> {
    const createdAt = loaded === undefined || restartClock ? this.#now() : loaded.createdAt
    const about = { id: loaded?.id ?? id ?? newSessionId(), createdAt, client }
    return saved(await this.records.create(data, about), false)
  }

  /** A sign-in goes on with this request's changes alone, as a session of its own; anything else ends with the session. */
  async #withoutSession(commit: Commit): Promise<Turn> {
    if (!isSignIn(commit)) return GONE
    const { changes, client } = commit
    const fresh = await this.#begin(
      { ...commit, loaded: undefined, id: undefined, client },
      changes.replayOn(emptyData()),
    )
    return { committed: fresh, newest: 'gone' }
  }

  async #save(commit: Commit, newest: Live): Promise<Turn> {
    return await retry(async (attempt) => {
      let current = newest
      if (attempt > 1) {
        const found = await this.records.load(current.key)
        if (!found.live) return GONE
        if (found.successor !== undefined) return await this.#commitLate(commit, current.key, MAX_ATTEMPTS - attempt)
        current = found.loaded
      }
      const result = await this.records.save(current, dataFor(commit, current), commit.client)
      if (result === 'missing') return GONE
      if (result === 'conflict') return this.#conflict(attempt)
      return { committed: saved(result, attempt > 1 || current !== commit.loaded), newest: result }
    })
  }

  /** @param max attempts that are left: following forwards, and finding others at work on each, has one bound in all */
  async #changeKey(commit: Commit, key: string, max = MAX_ATTEMPTS): Promise<Turn> {
    return await retry(async (attempt) => {
      // Read again: the handler has changed what it was given, and a forward holds the data as they were.
      const found = await this.records.load(key)
      if (!found.live) return await this.#withoutSession(commit)
      if (found.successor !== undefined) return await this.#commitLate(commit, key, max - attempt)
      const current = found.loaded
      const { id } = current
      const createdAt = commit.restartClock ? this.#now() : current.createdAt
      const about = { id, createdAt, client: commit.client }
      const next = await this.records.create(dataFor(commit, current), about, this.codec.forwards)
      const given = await this.records.giveUp(current, next.key)
      if (given === 'done') return await this.#confirm(next, !isAsLoaded(commit, current))
      await this.records.delete(next)
      return given === 'missing' ? await this.#withoutSession(commit) : this.#conflict(attempt)
    }, max)
  }

  async #confirm(next: Live, replayed: boolean): Promise<Turn> {
    if (!this.codec.forwards) return { committed: saved(next, replayed) }
    const touched = await this.records.touch(next)
    // A late request has saved to it, and so given it its full life, or has changed its key: that one's cookie counts.
    const found = touched === 'conflict' ? await this.records.load(next.key) : undefined
    if (touched === 'missing' || found?.live === false) return { committed: { outcome: 'ended' } }
    if (found?.successor !== undefined) {
      return { committed: { ...saved({ ...next, forwarded: true }, replayed), cookie: undefined } }
    }
    return { committed: saved(typeof touched === 'string' ? next : touched, replayed) }
  }

  /** What a request does that still has an old key, or has found that its key was changed meanwhile. */
  async #commitLate(commit: Commit, key: string, max = MAX_ATTEMPTS): Promise<Turn> {
    if (!commit.loaded?.forwarded) this.#observe({ type: 'forward' })
    return await retry(async (attempt) => {
      const trail = await this.records.follow(key)
      // Also a sign-in: a session that was ended under any of its keys stays ended.
      if (trail?.end === undefined) return { committed: { outcome: 'ended' } }
      const { frozen, end } = trail
      const user = userIdOf(end.data)
      if (isSignIn(commit) && user !== userIdOf(commit.data)) {
        // Nobody has signed in meanwhile: the session takes the sign-in under its newest key.
        if (user === null) return forgetting(await this.#changeKey(commit, end.key, max - attempt))
        return forgetting(await this.#withoutSession(commit))
      }
      const mayReplay = isSignIn(commit) || user === userIdOf(frozen.data) || commit.changes.survivesSignIn
      if (!mayReplay) return { committed: { outcome: 'ended' } }
      // First, because the operations tell what the last replay has found, and that is to be the one that is saved.
      const seen = commit.changes.replayOn(frozen.data)
      const data = commit.changes.withoutSignIn().replayOn(end.data)
      const result = await this.records.save(end, data, commit.client)
      if (typeof result === 'string') return this.#conflict(attempt)
      return late(commit, { ...frozen, data: seen }, result)
    }, max)
  }

  /** Ends what the key leads to now, if both are of one user, and then the key; undefined when somebody was faster. */
  async #endNewest(key: string): Promise<Ended | undefined> {
    const found = await this.records.load(key)
    if (!found.live) {
      // What cannot be decoded must not come to life again with an older secret.
      await this.records.deleteAny(this.codec.storeKey(key))
      return ENDED
    }
    const { loaded, successor } = found
    const end = successor === undefined ? undefined : await this.records.lastOf(successor)
    // First, or a crash in between would leave a session that this key does not lead to any more.
    const mayEnd = end !== undefined && userIdOf(end.data) === userIdOf(loaded.data)
    if (mayEnd && (await this.records.delete(end)) === 'conflict') return undefined
    if ((await this.records.delete(loaded)) === 'conflict') return undefined
    // Of a forward, the data from before the key changed: an old key is shown nothing newer.
    return end === undefined || mayEnd ? { outcome: 'ended', last: loaded.data } : { outcome: 'foreign' }
  }

  /** Whether an anonymous session that is gone may go on under another key: without forwards there is no telling. */
  #mayBeSignedIn({ data }: Live): boolean {
    return !this.codec.forwards && userIdOf(data) === null
  }

  /** Asks for another attempt. */
  #conflict(attempt: number): undefined {
    this.#observe({ type: 'conflict', attempt })
  }
}

function isSignIn({ write, restartClock }: Commit): boolean {
  return write === 'cycle' && restartClock
}

function isAsLoaded({ loaded }: Commit, current: Live): boolean {
  return loaded === current || (loaded?.key === current.key && loaded.version === current.version)
}

/** What to write over `current`: the request's own data if that is what it loaded, its changes replayed otherwise. */
function dataFor(commit: Commit, current: Live): SessionData {
  return isAsLoaded(commit, current) ? (plainJson(commit.data) as SessionData) : commit.changes.replayOn(current.data)
}

function saved(loaded: Live, replayed: boolean): Saved {
  return { outcome: 'saved', loaded, cookie: loaded.key, replayed }
}

/** A sign-in joins the session under its newest key; nobody else learns that key, or what came after the old one. */
function late(commit: Commit, seen: Live, joined: Live): Turn {
  const view: Live = { ...seen, id: joined.id, forwarded: true }
  if (isSignIn(commit)) return { committed: saved(joined, true), newest: view }
  return { committed: { outcome: 'saved', loaded: view, cookie: undefined, replayed: true }, newest: view }
}

/** What follows in line has the old key, and finds out by itself where it leads. */
function forgetting({ committed }: Turn): Turn {
  return { committed }
}
