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
import { isRevoked, stateOf } from '../cookie/standing.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, UserSessions } from '../engine.ts'
import { hasRecord } from '../records.ts'
import type { StoredEngine } from '../stored.ts'
import { forRecord, type Held, heldByRecord, RecordOperations, recordKeyIn, withRecord } from './hybrid-sign-in.ts'

/** Options for {@link HybridEngine}. */
export interface HybridEngineOptions {
  /** For the cookie half. Its own limit may be a few times `limit`: what is larger is not even tried. */
  readonly codec: CookieCodec
  /** For what the cookie cannot hold. */
  readonly stored: StoredEngine
  readonly revocations: Revocations
  readonly expiry: ExpiryPolicy
  /** Most characters of a cookie that holds a session; 3000 by default. */
  readonly limit?: number
  /** Seconds after which a cookie that holds a session is refused whatever its session's age. */
  readonly maxReplay?: number | undefined
  /** Seconds for which requests may come with what was given out before a change of key; 60 by default, as in `stored`. */
  readonly forwardFor?: number | undefined
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

type Saved = Committed & { outcome: 'saved' }

const LIMIT = 3000
// Far enough below the limit that a session at the border does not go to and fro.
const RETURN_SHARE = 0.75
const FORWARD_FOR = 60

/**
 * Sessions in the cookie while they are small, and in a store while they are not.
 *
 * A session that outgrows the limit gets a record before the answer gives out its key: after a crash in between, the
 * browser still has its whole cookie, and the record, whose key nobody was told, expires. Overlapping requests that
 * both outgrow it make a record each, and the answer that comes last decides, as between any two cookies.
 *
 * A session that shrinks is saved to its record, and the answer's cookie holds it too, beside the record's key. As long
 * as that record is there, it is the session, and the cookie's data are not read; so whichever answers are lost or
 * overtaken, overlapping requests meet in one place. The record goes with the first change after a quiet minute, if
 * cookie and record are the same: deleting it at once would refuse, with a 409, requests still under way with its key.
 *
 * What the cookie alone holds is last-writer-wins, and a copy of an anonymous one works until its age is over. Both
 * halves share one sign-in, so that a logout in either ends the copies of the other, too; a change of key gives the record
 * a new key and both halves a new sign-in, and late requests are treated as by the engine of the half that they come with.
 */
export class HybridEngine implements Engine {
  readonly name = 'hybrid'
  readonly cookieHoldsData = true
  readonly refreshesCookie: boolean
  /** That of the cookie half, which ends with the replay window at the latest. */
  readonly expiry: ExpiryPolicy
  /** The half for sessions that fit in a cookie. */
  readonly cookie: CookieEngine
  /** The half for those that do not. */
  readonly stored: StoredEngine
  readonly #revocations: Revocations
  readonly #returnAt: number
  /** Milliseconds after which requests that were under way when the record was last saved are over. */
  readonly #quiet: number
  readonly #now: () => number

  constructor(options: HybridEngineOptions) {
    const { codec, stored, revocations, expiry, limit = LIMIT, maxReplay, now = Date.now } = options
    const { forwardFor = FORWARD_FOR } = options
    this.cookie = new CookieEngine({ codec, expiry, maxSize: limit, revocations, maxReplay, forwardFor, now })
    this.#quiet = forwardFor * 1000
    this.stored = stored
    this.#revocations = revocations
    this.#returnAt = limit * RETURN_SHARE
    this.#now = now
    this.expiry = this.cookie.expiry
    this.refreshesCookie = this.cookie.refreshesCookie
  }

  async open(cookie: string): Promise<Opened> {
    // No cookie that a codec made has the shape of a key, so each is judged as the one thing that it can be.
    if (isSessionKey(cookie)) return await this.#openRecord(cookie)
    const opened = await this.cookie.open(cookie)
    if (!opened.live) return opened
    const key = recordKeyIn(opened.loaded.data)
    if (key === undefined) return opened
    const data = withRecord(opened.loaded.data, undefined)
    const recorded = await this.#openRecord(key)
    if (recorded.live) {
      const beside: Held = { ...recorded.loaded, beside: JSON.stringify(recorded.loaded.data) === JSON.stringify(data) }
      return { live: true, loaded: beside }
    }
    // There is a record, although it cannot be read: so it has not gone, and the cookie must not stand in for it.
    if (recorded.suspicion === 'undecodable') return recorded
    if (recorded.suspicion === 'revoked' || (await this.#isEnded(opened.loaded))) {
      return { live: false, suspicion: 'revoked' }
    }
    // The record has gone, and the cookie that was the same when it went has not been replaced yet.
    return { live: true, loaded: { ...opened.loaded, data } }
  }

  /** @throws SessionTooLargeError when it is too large for a record, too */
  async commit(commit: Commit): Promise<Committed> {
    const loaded: Held | undefined = commit.loaded
    if (loaded === undefined || loaded.key === null) return await this.#commitCookie(commit)
    const left = commit.write === 'save' && !loaded.forwarded ? await this.#leaveRecord(commit, loaded) : undefined
    return left ?? (await this.#commitRecord(commit))
  }

  async touch(loaded: Held): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (loaded.key === null) return await this.cookie.touch(loaded)
    const touched = await this.stored.touch(loaded)
    return touched && { loaded: touched.loaded, cookie: await this.#cookieFor(touched.loaded, touched.cookie) }
  }

  async end(loaded: Held): Promise<Ended> {
    // Copies first: if the record went and this failed, a second attempt would find no session to end.
    await this.cookie.end(loaded)
    return await this.stored.end(loaded)
  }

  async endUser(userId: string, exceptId: string | null = null): Promise<undefined> {
    // Cookies cannot be counted, so the number of records would say too little.
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
    // First, or a cookie that holds the same session would go on without its record.
    await this.cookie.revoke(id)
    return await this.stored.endOne(userId, id)
  }

  async #openRecord(key: string): Promise<Opened> {
    const opened = await this.stored.open(key)
    if (!opened.live) return opened
    const loaded = heldByRecord(opened.loaded)
    // A copy of the session in a cookie may have been signed out, and all of a user's sessions are ended at once.
    const state = loaded.signIn === undefined ? 'live' : await stateOf(this.#revocations, loaded.signIn)
    if (state === 'ended') return { live: false, suspicion: 'revoked' }
    return { live: true, loaded: state === 'late' ? { ...loaded, forwarded: true } : loaded }
  }

  /** Whether the record of this cookie has gone because its owner has ended it. */
  async #isEnded({ id, signIn }: Held): Promise<boolean> {
    return signIn !== undefined && id !== null && (await this.#revocations.check(signIn.userId, id)).ended
  }

  async #commitCookie(commit: Commit): Promise<Committed> {
    try {
      return await this.cookie.commit({ ...commit, data: withRecord(commit.data, undefined) })
    } catch (error) {
      if (!(error instanceof SessionTooLargeError)) throw error
      return await this.#commitRecord(commit)
    }
  }

  /** The session in the cookie alone, if it fits and nobody can still be at work on the record. */
  async #leaveRecord({ data }: Commit, loaded: Held): Promise<Saved | undefined> {
    if (!loaded.beside || this.#now() - loaded.lastActivity < this.#quiet) return undefined
    if (userIdOf(data) !== (loaded.signIn?.userId ?? null)) return undefined
    const held: Held = { ...loaded, key: null, data: withRecord(data, undefined) }
    const alone = this.cookie.issue(held)
    if (alone === undefined || !hasRecord(loaded)) return undefined
    if ((await this.stored.records.delete(loaded, 'cycle')) !== 'done') return undefined
    return { outcome: 'saved', ...alone, replayed: false }
  }

  /** Writes the record, or creates one for what has had none. */
  async #commitRecord(commit: Commit): Promise<Committed> {
    const signed = await this.#signed(commit)
    if (signed === undefined) return { outcome: 'ended' }
    const committed = await this.stored.commit(signed.commit)
    if (committed.outcome === 'ended') return committed
    const recorded = heldByRecord(committed.loaded)
    if (committed.cookie === undefined) return { ...committed, loaded: recorded }
    // Last, so that a session that could not be written goes on as it was.
    if (!(await this.#succeeds(commit.loaded, recorded, signed.signIn))) {
      await this.stored.end(recorded)
      return { outcome: 'ended' }
    }
    return { ...committed, loaded: recorded, cookie: await this.#cookieFor(recorded, committed.cookie) }
  }

  /** Lets the new sign-in of a record follow the former one; false when that has been ended meanwhile. */
  async #succeeds(held: Held | undefined, recorded: Held, own: SignIn | undefined): Promise<boolean> {
    const former = held?.signIn
    const next = recorded.signIn
    if (former === undefined || former.id === next?.id) return true
    // Joined another request's sign-in, which has followed by itself.
    if (next !== undefined && next.id !== own?.id) return true
    if (next !== undefined && next.userId === former.userId && recorded.id === held?.id) {
      return await this.cookie.follow(former, next)
    }
    await this.cookie.endSignIn(former)
    return true
  }

  /** The commit with the sign-in that its record goes by; undefined when the session has been ended. */
  async #signed(commit: Commit): Promise<{ commit: Commit; signIn: SignIn | undefined } | undefined> {
    const { write, restartClock } = commit
    const held = (commit.loaded as Held | undefined)?.signIn
    if (write !== 'cycle' && held !== undefined && held.userId === userIdOf(commit.data))
      return { commit: withSignIn(commit, held), signIn: held }
    const standing = held && (await this.#revocations.check(held.userId, held.id))
    // A sign-in stands on its own; anything else that a session does ends with it.
    const anew = write === 'cycle' && restartClock
    if (held && standing && isRevoked(standing, held) && !anew) return undefined
    // What a cookie alone holds, and another has gone on with, is as good as ended.
    const taken = standing?.ended || (commit.loaded?.key === null && standing?.successor !== undefined)
    if (taken && !anew) return undefined
    const data = taken ? commit.changes.replayOn(emptyData()) : commit.data
    const userId = userIdOf(data)
    // By the epoch that was judged: if it rises meanwhile, this session ends with the user's others.
    const id = taken ? null : (commit.loaded?.id ?? null)
    const signIn = await this.cookie.newSignIn(
      userId,
      id,
      anew || userId !== held?.userId ? undefined : standing?.epoch,
    )
    const fresh: Commit = { ...commit, write: 'create', loaded: undefined, data }
    return { commit: withSignIn(taken ? fresh : commit, signIn), signIn }
  }

  /** The record's key, beside the session itself where that is small again. */
  async #cookieFor(loaded: Held, key: string): Promise<string> {
    const held: Held = { ...loaded, key: null, data: withRecord(loaded.data, key) }
    const both = this.cookie.issue(held)
    return both !== undefined && both.cookie.length <= this.#returnAt ? both.cookie : key
  }
}

function withSignIn(commit: Commit, signIn: SignIn | undefined): Commit {
  const { write, data, changes } = commit
  const choose = (theirs: SignIn | undefined, userId: string | null) =>
    write !== 'cycle' && theirs?.userId === userId ? theirs : signIn?.userId === userId ? signIn : undefined
  const id = signIn && sessionIdOfSignIn(signIn.id)
  return { ...commit, id, data: forRecord(data, signIn), changes: new RecordOperations(changes, choose) }
}
