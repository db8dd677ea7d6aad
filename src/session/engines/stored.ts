import type { Codec } from '../codec/codec.ts'
import { emptyData, type SessionData } from '../core/data.ts'
import type { Observer } from '../core/events.ts'
import type { ExpiryPolicy } from '../core/expiry.ts'
import { isSessionKey, newSessionId } from '../core/key.ts'
import { KeyedQueue } from '../core/queue.ts'
import { MAX_ATTEMPTS, retry } from '../core/retry.ts'
import { userIdOf } from '../core/user.ts'
import type { SessionStore } from '../stores/store.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, Saved, UserSessions } from './engine.ts'
import { hasRecord, type LiveRecord, Records } from './records.ts'
import { endSessionOf, endSessionsOf, sessionsOf } from './user-sessions.ts'

/** Options for {@link StoredEngine}. */
export interface StoredEngineOptions {
  /** The name of the engine; the store's name by default. */
  readonly name?: string
  readonly store: SessionStore
  readonly codec: Codec
  readonly expiry: ExpiryPolicy
  /**
   * Seconds for which the old key still serves late requests after a change of key; 60 by default. Should be the
   * server's request timeout.
   */
  readonly forwardSeconds?: number
  /** Custom columns, computed from the data at each save; the store must know their names. */
  readonly columns?: (data: SessionData) => Readonly<Record<string, string | number | null>>
  readonly observe?: Observer
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const DEFAULT_FORWARD_SECONDS = 60

/** The result of a commit, and the newest state, if known, for the next one in the queue. */
interface CommitResult {
  readonly committed: Committed
  readonly newest?: LiveRecord | 'gone'
}

const ENDED: Ended = { outcome: 'ended' }
const USER_CHANGED: Ended = { outcome: 'user-changed' }
const GONE: CommitResult = { committed: { outcome: 'ended' }, newest: 'gone' }

/**
 * Keeps sessions in a store, with a key in the cookie. Versioned saves and replay guarantee that no change is lost and no
 * ended session comes back.
 *
 * A change of key has three steps, and a crash after any of them is safe: the successor is created with a short lifetime;
 * a forward, with its key and the data as they were, replaces the old record at the version that was read; the successor
 * gets its full lifetime. Late requests with the old key see the old data, their changes are replayed on the successor,
 * and their responses set no cookie.
 *
 * @example
 * const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
 * const codec = sealedCodec({ secrets: [process.env['SECRET_KEY'] ?? ''], namespace: 'sessionid' })
 * const engine = new StoredEngine({ store: new MemoryStore(), codec, expiry })
 */
export class StoredEngine implements Engine {
  readonly name: string
  readonly store: SessionStore
  readonly codec: Codec
  /** Operations on single records. */
  readonly records: Records
  readonly refreshesCookie: boolean
  readonly #observe: Observer
  readonly #now: () => number
  readonly #queue = new KeyedQueue<CommitResult>()

  constructor({
    name,
    store,
    codec,
    expiry,
    forwardSeconds = DEFAULT_FORWARD_SECONDS,
    columns,
    observe,
    now,
  }: StoredEngineOptions) {
    this.name = name ?? store.name
    this.store = store
    this.codec = codec
    this.refreshesCookie = codec.name === 'django'
    this.#observe = observe ?? (() => {})
    this.#now = now ?? Date.now
    const [observed, clock] = [this.#observe, this.#now]
    this.records = new Records({ store, codec, expiry, forwardSeconds, columns, observe: observed, now: clock })
  }

  async open(cookie: string): Promise<Opened> {
    if (!isSessionKey(cookie)) return { live: false, suspicion: 'malformed-cookie' }
    const found = await this.records.load(cookie)
    if (!found.live || found.successor === undefined) return found
    const end = await this.records.resolveForward(found.loaded, found.successor)
    if (end === undefined) {
      const key = await this.records.lastKey(found.successor)
      return { live: false, suspicion: 'unknown-key', leadsTo: { loaded: found.loaded, key } }
    }
    this.#observe({ type: 'forward' })
    return { live: true, loaded: { ...found.loaded, id: end.id, forwarded: true } }
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded, write } = commit
    if (write === 'create' || !hasRecord(loaded)) return await this.#create(commit, commit.data)
    const work = (before: CommitResult | undefined): Promise<CommitResult> => {
      // An earlier request of this process has ended the session, or knows its newest state.
      const known = before?.newest
      if (known === 'gone') return this.#withoutSession(commit)
      const newest = known ?? loaded
      if (newest.forwarded) return this.#commitLate(commit, loaded.key)
      return write === 'cycle' ? this.#changeKey(commit, loaded.key) : this.#save(commit, newest)
    }
    return (await this.#queue.run(loaded.key, work, commit.until)).committed
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (!hasRecord(loaded) || loaded.forwarded) return undefined
    const touched = await this.records.touch(loaded)
    return typeof touched === 'string' ? undefined : { loaded: touched, cookie: touched.key }
  }

  async end(loaded: Loaded): Promise<Ended> {
    if (!hasRecord(loaded)) return ENDED
    // With the version, or a change of key meanwhile would be missed.
    const first = loaded.forwarded ? 'conflict' : await this.records.delete(loaded)
    if (first !== 'conflict') return first === 'missing' && this.#mayBeSignedIn(loaded) ? USER_CHANGED : ENDED
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

  /** Creates the record of a new session, or of one that had none. */
  async #create({ loaded, restartClock, client, id }: Commit, data: SessionData): Promise<Saved> {
    const createdAt = loaded === undefined || restartClock ? this.#now() : loaded.createdAt
    const about = { id: loaded?.id ?? id ?? newSessionId(), createdAt, client, json: loaded?.json }
    return saved(await this.records.create(data, about), false)
  }

  /** A sign-in starts a new session with this request's changes only; any other change ends with the session. */
  async #withoutSession(commit: Commit): Promise<CommitResult> {
    if (!isSignIn(commit)) return GONE
    const { changes, client, withoutSession } = commit
    if (withoutSession !== undefined) return { committed: await withoutSession(), newest: 'gone' }
    const fresh = await this.#create(
      { ...commit, loaded: undefined, id: undefined, client },
      changes.replayOn(emptyData()),
    )
    return { committed: fresh, newest: 'gone' }
  }

  #save(commit: Commit, newest: LiveRecord): Promise<CommitResult> {
    const limits = { until: commit.until }
    return retry(async (attempt) => {
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
    }, limits)
  }

  /** @param max remaining attempts, so that forwards and conflicts share one limit */
  async #changeKey(commit: Commit, key: string, max = MAX_ATTEMPTS): Promise<CommitResult> {
    const limits = { max, until: commit.until }
    return await retry(async (attempt) => {
      // Read again: the handler has changed the loaded data, and a forward holds the original ones.
      const found = await this.records.load(key)
      if (!found.live) return await this.#withoutSession(commit)
      if (found.successor !== undefined) return await this.#commitLate(commit, key, max - attempt)
      const current = found.loaded
      const { id, json } = current
      const createdAt = commit.restartClock ? this.#now() : current.createdAt
      const about = { id, createdAt, client: commit.client, json }
      const next = await this.records.create(dataFor(commit, current), about, this.codec.forwards)
      const replaced = await this.records.replaceByForward(current, next.key)
      if (replaced === 'done') return await this.#confirm(next, !isAsLoaded(commit, current))
      await this.records.delete(next)
      return replaced === 'missing' ? await this.#withoutSession(commit) : this.#conflict(attempt)
    }, limits)
  }

  async #confirm(next: LiveRecord, replayed: boolean): Promise<CommitResult> {
    if (!this.codec.forwards) return { committed: saved(next, replayed) }
    const touched = await this.records.touch(next)
    // A late request has saved it, which extends its lifetime, or has changed its key: then that one's cookie is valid.
    const found = touched === 'conflict' ? await this.records.load(next.key) : undefined
    if (touched === 'missing' || found?.live === false) return { committed: { outcome: 'ended' } }
    if (found?.successor !== undefined) {
      return { committed: { ...saved({ ...next, forwarded: true }, replayed), cookie: undefined } }
    }
    return { committed: saved(typeof touched === 'string' ? next : touched, replayed) }
  }

  /** Commits for a request with an old key, or whose key was changed meanwhile. */
  async #commitLate(commit: Commit, key: string, max = MAX_ATTEMPTS): Promise<CommitResult> {
    if (!commit.loaded?.forwarded) this.#observe({ type: 'forward' })
    const limits = { max, until: commit.until }
    return await retry(async (attempt) => {
      const target = await this.records.follow(key)
      // Also for a sign-in: a session that was ended under any of its keys stays ended.
      if (target?.current === undefined) return { committed: { outcome: 'ended' } }
      const { before, current } = target
      const user = userIdOf(current.data)
      if (isSignIn(commit) && user !== userIdOf(commit.data)) {
        // No other request has signed in meanwhile: sign in under the newest key.
        if (user === null) return withoutNewest(await this.#changeKey(commit, current.key, max - attempt))
        return withoutNewest(await this.#withoutSession(commit))
      }
      const mayReplay = isSignIn(commit) || user === userIdOf(before.data) || commit.changes.survivesSignIn
      if (!mayReplay) return { committed: { outcome: 'ended' } }
      // First, because the operations report on the last replay, which must be the one that is saved.
      const seen = commit.changes.replayOn(before.data)
      const data = commit.changes.withoutSignIn().replayOn(current.data)
      const result = await this.records.save(current, data, commit.client)
      if (typeof result === 'string') return this.#conflict(attempt)
      return lateResult(commit, { ...before, data: seen }, result)
    }, limits)
  }

  /** Ends the session that the key leads to, if it has the same user, and then the key; undefined to try again. */
  async #endNewest(key: string): Promise<Ended | undefined> {
    const found = await this.records.load(key)
    if (!found.live) {
      // An undecodable session must not become valid again with an older secret.
      await this.records.deleteAny(this.codec.storeKey(key))
      return ENDED
    }
    const { loaded, successor } = found
    const end = successor === undefined ? undefined : await this.records.followForwards(successor)
    // First, or a crash in between would leave a session that this key no longer leads to.
    const mayEnd = end !== undefined && userIdOf(end.data) === userIdOf(loaded.data)
    if (mayEnd && (await this.records.delete(end)) === 'conflict') return undefined
    if ((await this.records.delete(loaded)) === 'conflict') return undefined
    // For a forward, `last` is from before the change of key: an old key shows nothing newer.
    return end === undefined || mayEnd ? { outcome: 'ended', last: loaded.data } : USER_CHANGED
  }

  /** Whether a missing anonymous session may have been signed in under another key, which is unknown without forwards. */
  #mayBeSignedIn({ data }: LiveRecord): boolean {
    return !this.codec.forwards && userIdOf(data) === null
  }

  /** Makes `retry` try again. */
  #conflict(attempt: number): undefined {
    this.#observe({ type: 'conflict', attempt })
  }
}

function isSignIn({ write, restartClock }: Commit): boolean {
  return write === 'cycle' && restartClock
}

function isAsLoaded({ loaded }: Commit, current: LiveRecord): boolean {
  return loaded === current || (loaded?.key === current.key && loaded.version === current.version)
}

/** The data to save over `current`: the request's data if it loaded this version, otherwise its changes replayed. */
function dataFor(commit: Commit, current: LiveRecord): SessionData {
  return isAsLoaded(commit, current) ? commit.data : commit.changes.replayOn(current.data)
}

function saved(loaded: LiveRecord, replayed: boolean): Saved {
  return { outcome: 'saved', loaded, cookie: loaded.key, replayed }
}

/** Only a sign-in gets the newest key; other late requests see the data as they were under the old one. */
function lateResult(commit: Commit, seen: LiveRecord, joined: LiveRecord): CommitResult {
  const view: LiveRecord = { ...seen, id: joined.id, forwarded: true }
  if (isSignIn(commit)) return { committed: saved(joined, true), newest: view }
  return { committed: { outcome: 'saved', loaded: view, cookie: undefined, replayed: true }, newest: view }
}

/** The next one in the queue has the old key and must follow it itself. */
function withoutNewest({ committed }: CommitResult): CommitResult {
  return { committed }
}
