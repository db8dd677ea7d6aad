import type { CookieCodec } from '../../codec/codec.ts'
import { emptyData } from '../../core/data.ts'
import { SessionTooLargeError } from '../../core/errors.ts'
import type { ExpiryPolicy } from '../../core/expiry.ts'
import { isSessionKey } from '../../core/key.ts'
import { userIdOf } from '../../core/user.ts'
import type { Revocations, SignIn } from '../../stores/revocations.ts'
import { NotSupportedError } from '../../stores/store.ts'
import { CookieEngine } from '../cookie/cookie.ts'
import { sessionIdOfSignIn } from '../cookie/cookie-sign-in.ts'
import { isRevoked, signInState } from '../cookie/revocation-state.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, Saved, UserSessions } from '../engine.ts'
import { hasRecord } from '../records.ts'
import type { StoredEngine } from '../stored.ts'
import {
  dataForRecord,
  type HybridSession,
  RecordOperations,
  recordKeyOf,
  sessionFromRecord,
  withoutRecordKey,
  withRecordKey,
} from './hybrid-sign-in.ts'

/** Options for {@link HybridEngine}. */
export interface HybridEngineOptions {
  /**
   * For sessions in cookies. Its `maxBytes` may be a few times `limit`, to skip the encoding of larger sessions; its
   * `compressAbove` should be below `limit`, so that a session that fits when it is compressed does not get a record.
   */
  readonly codec: CookieCodec
  /** For sessions that do not fit. */
  readonly stored: StoredEngine
  readonly revocations: Revocations
  readonly expiry: ExpiryPolicy
  /** Maximum characters of a cookie that holds a session; 3000 by default. */
  readonly limit?: number
  /** Maximum age in seconds of a cookie that holds a session; 400 days by default. */
  readonly maxReplay?: number | undefined
  /** Seconds for which the old key or cookie can be read after a change of key; 60 by default, as in `stored`. */
  readonly forwardSeconds?: number | undefined
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const DEFAULT_LIMIT = 3000
// Below the limit, so that a session near it does not move back and forth.
const RETURN_SHARE = 0.75
const DEFAULT_FORWARD_SECONDS = 60

/**
 * Keeps small sessions in the cookie and larger ones in a store.
 *
 * A session that exceeds the limit gets a record before the response sends its key: after a crash in between, the browser
 * still has its whole cookie, and the record expires. Two overlapping requests that exceed it create a record each, and
 * the last response decides, as with any cookies.
 *
 * A session that shrinks is saved to its record, and the response's cookie holds the same data and the record's key.
 * While the record exists it is authoritative and the cookie's data are not read, so overlapping requests meet in the
 * record even if responses are lost or late. The first change after a quiet minute deletes the record if both are equal.
 * Deleting it earlier would refuse, with a 409, requests that still have its key.
 *
 * Of overlapping changes in the cookie the last one wins, and a copy of an anonymous cookie is valid until it expires.
 * Cookie and record share one sign-in, so that a logout with either ends both. A change of key gives the record a new key
 * and both a new sign-in.
 */
export class HybridEngine implements Engine {
  readonly name = 'hybrid'
  readonly cookieHoldsData = true
  readonly refreshesCookie: boolean
  /** That of the cookies, which is limited by the replay window. */
  readonly expiry: ExpiryPolicy
  /** For sessions that fit in a cookie. */
  readonly cookie: CookieEngine
  /** For those that do not. */
  readonly stored: StoredEngine
  readonly #revocations: Revocations
  readonly #returnAt: number
  /** Milliseconds after the last save of a record after which no request with its data is still under way. */
  readonly #quietMs: number
  readonly #now: () => number

  constructor(options: HybridEngineOptions) {
    const { codec, stored, revocations, expiry, limit = DEFAULT_LIMIT, maxReplay, now = Date.now } = options
    const { forwardSeconds = DEFAULT_FORWARD_SECONDS } = options
    this.cookie = new CookieEngine({ codec, expiry, maxSize: limit, revocations, maxReplay, forwardSeconds, now })
    this.#quietMs = forwardSeconds * 1000
    this.stored = stored
    this.#revocations = revocations
    this.#returnAt = limit * RETURN_SHARE
    this.#now = now
    this.expiry = this.cookie.expiry
    this.refreshesCookie = this.cookie.refreshesCookie
  }

  async open(cookie: string): Promise<Opened> {
    // No encoded session has the form of a key.
    if (isSessionKey(cookie)) return await this.#openRecord(cookie)
    const opened = await this.cookie.open(cookie)
    if (!opened.live) return opened
    const key = recordKeyOf(opened.loaded.data)
    if (key === undefined) return opened
    const data = withoutRecordKey(opened.loaded.data)
    const recorded = await this.#openRecord(key)
    if (recorded.live) {
      const beside: HybridSession = {
        ...recorded.loaded,
        cookieHasData: JSON.stringify(recorded.loaded.data) === JSON.stringify(data),
      }
      return { live: true, loaded: beside }
    }
    // The record exists although it cannot be read, so the cookie must not replace it.
    if (recorded.suspicion === 'undecodable') return recorded
    if (recorded.suspicion === 'revoked' || (await this.#isEnded(opened.loaded))) {
      return { live: false, suspicion: 'revoked' }
    }
    // The record was deleted when both were equal, and this cookie has not been replaced yet.
    return { live: true, loaded: { ...opened.loaded, data } }
  }

  /** @throws SessionTooLargeError if it is too large for a record as well */
  async commit(commit: Commit): Promise<Committed> {
    const loaded: HybridSession | undefined = commit.loaded
    if (loaded === undefined || loaded.key === null) return await this.#commitCookie(commit)
    const left = commit.write === 'save' && !loaded.forwarded ? await this.#dropRecord(commit, loaded) : undefined
    return left ?? (await this.#commitRecord(commit))
  }

  async touch(loaded: HybridSession): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (loaded.key === null) return await this.cookie.touch(loaded)
    // With the sign-in: a record that an older secret sealed is saved.
    const touched = await this.stored.touch({ ...loaded, data: dataForRecord(loaded.data, loaded.signIn) })
    if (touched === undefined) return undefined
    const recorded = sessionFromRecord(touched.loaded)
    return { loaded: recorded, cookie: await this.#cookieFor(recorded, touched.cookie) }
  }

  async end(loaded: HybridSession): Promise<Ended> {
    // Cookies first: after a failure in between, a second attempt must still find the record.
    await this.cookie.end(loaded)
    return await this.stored.end(loaded)
  }

  async endUser(userId: string, exceptId: string | null = null): Promise<undefined> {
    // Cookies cannot be counted, so the number of records would be too low.
    await this.stored.endUser(userId, exceptId).catch((error: unknown) => {
      if (!(error instanceof NotSupportedError)) throw error
    })
    await this.cookie.endUser(userId, exceptId)
  }

  async listUser(userId: string, currentId?: string | null): Promise<UserSessions> {
    const { listed } = await this.stored.listUser(userId, currentId)
    return { listed, complete: false, endable: true }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    const { listed } = await this.stored.listUser(userId)
    if (!listed.some((session) => session.id === id)) return false
    // First, or a cookie with the same session would stay valid without its record.
    await this.cookie.revoke(id)
    return await this.stored.endOne(userId, id)
  }

  async #openRecord(key: string): Promise<Opened> {
    const opened = await this.stored.open(key)
    if (!opened.live) return opened
    const loaded = sessionFromRecord(opened.loaded)
    // A copy in a cookie may have been signed out, or all of the user's sessions ended.
    const state = loaded.signIn === undefined ? 'live' : await signInState(this.#revocations, loaded.signIn)
    if (state === 'ended') return { live: false, suspicion: 'revoked' }
    return { live: true, loaded: state === 'late' ? { ...loaded, forwarded: true } : loaded }
  }

  /** Whether the record of this cookie was ended by its owner. */
  async #isEnded({ id, signIn }: HybridSession): Promise<boolean> {
    return signIn !== undefined && id !== null && (await this.#revocations.check(signIn.userId, id)).ended
  }

  async #commitCookie(commit: Commit): Promise<Committed> {
    try {
      const data = withoutRecordKey(commit.data)
      return await this.cookie.commit(data === commit.data ? commit : { ...commit, data })
    } catch (error) {
      if (!(error instanceof SessionTooLargeError)) throw error
      return await this.#commitRecord(commit)
    }
  }

  /** Moves the session into the cookie, if it fits and no request can still be using the record. */
  async #dropRecord({ data }: Commit, loaded: HybridSession): Promise<Saved | undefined> {
    if (!loaded.cookieHasData || this.#now() - loaded.lastActivity < this.#quietMs) return undefined
    if (userIdOf(data) !== (loaded.signIn?.userId ?? null)) return undefined
    const held: HybridSession = { ...loaded, key: null, data: withoutRecordKey(data) }
    const alone = this.cookie.issue(held)
    if (alone === undefined || !hasRecord(loaded)) return undefined
    if ((await this.stored.records.delete(loaded, 'cycle')) !== 'done') return undefined
    return { outcome: 'saved', ...alone, replayed: false }
  }

  /** Saves the record, or creates one. */
  async #commitRecord(commit: Commit): Promise<Committed> {
    const signed = await this.#withSignIn(commit)
    if (signed === undefined) return { outcome: 'ended' }
    const committed = await this.stored.commit(signed.commit)
    if (committed.outcome === 'ended') return committed
    const recorded = sessionFromRecord(committed.loaded)
    if (committed.cookie === undefined) {
      return { outcome: 'saved', loaded: recorded, cookie: undefined, replayed: committed.replayed }
    }
    // Last, so that a session that could not be written stays as it was.
    if (!(await this.#followSignIn(commit.loaded, recorded, signed.signIn))) {
      await this.stored.end(recorded)
      return { outcome: 'ended' }
    }
    const cookie = await this.#cookieFor(recorded, committed.cookie)
    return { outcome: 'saved', loaded: recorded, cookie, replayed: committed.replayed }
  }

  /** Records the new sign-in as successor of the old one; false if that was ended meanwhile. */
  async #followSignIn(
    held: HybridSession | undefined,
    recorded: HybridSession,
    own: SignIn | undefined,
  ): Promise<boolean> {
    const former = held?.signIn
    const next = recorded.signIn
    if (former === undefined || former.id === next?.id) return true
    // This is another request's sign-in, which was recorded by that one.
    if (next !== undefined && next.id !== own?.id) return true
    if (next !== undefined && next.userId === former.userId && recorded.id === held?.id) {
      return await this.cookie.follow(former, next)
    }
    await this.cookie.endSignIn(former)
    return true
  }

  /** Adds the sign-in to a commit; undefined if the session was ended. */
  async #withSignIn(commit: Commit): Promise<{ commit: Commit; signIn: SignIn | undefined } | undefined> {
    const { write, restartClock } = commit
    const held = (commit.loaded as HybridSession | undefined)?.signIn
    if (write !== 'cycle' && held !== undefined && held.userId === userIdOf(commit.data))
      return { commit: withSignIn(commit, held), signIn: held }
    const state = held && (await this.#revocations.check(held.userId, held.id))
    // A sign-in proves who it is by itself; any other change ends with its session.
    const isSignIn = write === 'cycle' && restartClock
    if (held && state && isRevoked(state, held) && !isSignIn) return undefined
    // A session in a cookie with a newer sign-in counts as ended.
    const isOver = state?.ended || (commit.loaded?.key === null && state?.successor !== undefined)
    if (isOver && !isSignIn) return undefined
    const data = isOver ? commit.changes.replayOn(emptyData()) : commit.data
    const userId = userIdOf(data)
    // With the epoch that was checked: if it rises meanwhile, this session ends with the user's others.
    const id = isOver ? null : (commit.loaded?.id ?? null)
    const signIn = await this.cookie.newSignIn(
      userId,
      id,
      isSignIn || userId !== held?.userId ? undefined : state?.epoch,
    )
    const fresh: Commit = { ...commit, write: 'create', loaded: undefined, data }
    return { commit: withSignIn(isOver ? fresh : commit, signIn), signIn }
  }

  /** The cookie for a record: its key, with the session's data if they are small again. */
  async #cookieFor(loaded: HybridSession, key: string): Promise<string> {
    const held: HybridSession = { ...loaded, key: null, data: withRecordKey(loaded.data, key) }
    const both = this.cookie.issue(held)
    return both !== undefined && both.cookie.length <= this.#returnAt ? both.cookie : key
  }
}

function withSignIn(commit: Commit, signIn: SignIn | undefined): Commit {
  const { write, loaded, data, changes, client, restartClock, until, withoutSession } = commit
  const choose = (theirs: SignIn | undefined, userId: string | null) =>
    write !== 'cycle' && theirs?.userId === userId ? theirs : signIn?.userId === userId ? signIn : undefined
  const id = signIn && sessionIdOfSignIn(signIn.id)
  // Written out, because every change of a record makes one: see `withVersion` of the stores. `satisfies`, so that a property
  // that Commit gets later cannot be forgotten.
  return {
    write,
    loaded,
    data: dataForRecord(data, signIn),
    changes: new RecordOperations(changes, choose),
    client,
    restartClock,
    id,
    until,
    withoutSession,
  } satisfies Record<keyof Commit, unknown>
}
