import { randomBytes } from 'node:crypto'
import { Changes } from '../changes.ts'
import type { CookieCodec } from '../codec/codec.ts'
import { emptyData, type SessionData } from '../data.ts'
import { SessionTooLargeError } from '../errors.ts'
import type { ExpiryPolicy } from '../expiry.ts'
import { isSessionKey } from '../key.ts'
import { NotSupportedError, type Outcome } from '../stores/store.ts'
import { CookieEngine } from './cookie.ts'
import { adopting, type SignIn } from './cookie-sign-in.ts'
import {
  type Commit,
  type Committed,
  type Engine,
  type Loaded,
  type Opened,
  type UserSessions,
  userIdOf,
} from './engine.ts'
import { forRecord, type Held, heldByRecord, RecordChanges } from './hybrid-sign-in.ts'
import { isRevoked, type Revocations } from './revocations.ts'
import type { StoredEngine } from './stored.ts'

/** What {@link HybridEngine} is made of. */
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
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

type Saved = Committed & { outcome: 'saved' }

const LIMIT = 3000
// Far enough below the limit that a session at the border does not go to and fro.
const RETURN_SHARE = 0.75
// Names the record in a cookie that holds the same session.
const RECORD_KEY = '_session_record'
// By then, requests that were under way when the record was last saved are over.
const QUIET = 60_000
const ID_BYTES = 16

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
 * halves share one sign-in, so that a logout in either ends the copies of the other, too.
 */
export class HybridEngine implements Engine {
  readonly name = 'hybrid'
  /** That of the cookie half, which ends with the replay window at the latest. */
  readonly expiry: ExpiryPolicy
  readonly #cookie: CookieEngine
  readonly #stored: StoredEngine
  readonly #revocations: Revocations
  readonly #returnAt: number
  readonly #now: () => number

  constructor(options: HybridEngineOptions) {
    const { codec, stored, revocations, expiry, limit = LIMIT, maxReplay, now = Date.now } = options
    this.#cookie = new CookieEngine({ codec, expiry, maxSize: limit, revocations, maxReplay, now })
    this.#stored = stored
    this.#revocations = revocations
    this.#returnAt = limit * RETURN_SHARE
    this.#now = now
    this.expiry = this.#cookie.expiry
  }

  async open(cookie: string): Promise<Opened> {
    // No cookie that a codec made has the shape of a key, so each is judged as the one thing that it can be.
    if (isSessionKey(cookie)) return await this.#openRecord(cookie)
    const opened = await this.#cookie.open(cookie)
    if (!opened.live) return opened
    const key = opened.loaded.data[RECORD_KEY]
    if (typeof key !== 'string') return opened
    const data = withRecord(opened.loaded.data, undefined)
    const recorded = await this.#openRecord(key)
    if (recorded.live) {
      const beside: Held = { ...recorded.loaded, beside: JSON.stringify(recorded.loaded.data) === JSON.stringify(data) }
      return { live: true, loaded: beside }
    }
    // There is a record, although it cannot be read: so it has not gone, and the cookie must not stand in for it.
    if (recorded.suspicion === 'undecodable') return recorded
    if (recorded.suspicion === 'revoked' || (await this.#isEnded(opened.loaded, key))) {
      return { live: false, suspicion: 'revoked' }
    }
    // The record has gone, and the cookie that was the same when it went has not been replaced yet.
    return { live: true, loaded: { ...opened.loaded, data } }
  }

  /** @throws SessionTooLargeError when it is too large for a record, too */
  async commit(commit: Commit): Promise<Committed> {
    const loaded: Held | undefined = commit.loaded
    if (loaded === undefined || loaded.key === null) return await this.#commitCookie(commit)
    const left = commit.write === 'save' ? await this.#leaveRecord(commit, loaded) : undefined
    return left ?? (await this.#commitRecord(commit))
  }

  async touch(loaded: Held): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (loaded.key === null) return await this.#cookie.touch(loaded)
    const touched = await this.#stored.touch(loaded)
    return touched && { loaded: touched.loaded, cookie: await this.#cookieFor(touched.loaded, touched.cookie) }
  }

  async end(loaded: Held): Promise<void> {
    // Copies first: if the record went and this failed, a second attempt would find no session to end. Whoever read the
    // record by other means, as an engine that the session moves to, has its sign-in among the data.
    await this.#cookie.end(loaded.key === null || loaded.signIn !== undefined ? loaded : heldByRecord(loaded))
    await this.#stored.end(loaded)
  }

  async adopt(commit: Commit & { loaded: Loaded }): Promise<Committed> {
    const adopted = await adopting(commit, this.#revocations)
    return adopted === undefined ? { outcome: 'ended' } : await this.#commitCookie(adopted, true)
  }

  async leave(loaded: Loaded, grace?: number, anew?: boolean): Promise<Outcome> {
    const left = loaded.key === null ? 'done' : await this.#stored.leave(loaded, grace)
    return left === 'done' ? await this.#cookie.leave(loaded, grace, anew) : left
  }

  async claim(loaded: Loaded, mark: string): Promise<Outcome> {
    if (loaded.key === null) return await this.#cookie.claim(loaded)
    const claimed = await this.#stored.claim(loaded, mark)
    if (claimed !== 'done' || (await this.#cookie.leave(loaded)) === 'done') return claimed
    // A copy in a cookie has been signed out.
    await this.#stored.end(loaded)
    return 'missing'
  }

  async claimed(key: string): Promise<string | undefined> {
    return await this.#stored.claimed(key)
  }

  async endUser(userId: string, except: string | null = null): Promise<number | undefined> {
    // Cookies cannot be counted, so the number of records would say too little.
    await this.#stored.endUser(userId, except).catch((error: unknown) => {
      if (!(error instanceof NotSupportedError)) throw error
    })
    await this.#cookie.endUser(userId)
    if (except !== null) await this.#keep(userId, except)
    return undefined
  }

  async listUser(userId: string, current?: string | null): Promise<UserSessions> {
    const { listed } = await this.#stored.listUser(userId, current)
    return { listed, complete: false, endable: true }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    if ((await this.#stored.store.load(id))?.userId !== userId) return false
    // First, or a cookie that holds the same session would go on without its record.
    await this.#cookie.revoke(id)
    return await this.#stored.endOne(userId, id)
  }

  async #openRecord(key: string): Promise<Opened> {
    const opened = await this.#stored.open(key)
    if (!opened.live) return opened
    const loaded = heldByRecord(opened.loaded)
    const { signIn } = loaded
    // A copy of the session in a cookie may have been signed out, and all of a user's sessions are ended at once.
    const revoked = signIn && isRevoked(await this.#revocations.check(signIn.userId, signIn.id), signIn.epoch)
    return revoked ? { live: false, suspicion: 'revoked' } : { live: true, loaded }
  }

  /** Whether the record of this cookie has gone because its owner has ended it. */
  async #isEnded({ signIn }: Held, key: string): Promise<boolean> {
    if (signIn === undefined) return false
    return (await this.#revocations.check(signIn.userId, this.#stored.codec.storeKey(key))).ended
  }

  async #commitCookie(commit: Commit, anew = commit.loaded?.key === null): Promise<Committed> {
    try {
      return await this.#cookie.commit({ ...commit, data: withRecord(commit.data, undefined) })
    } catch (error) {
      if (!(error instanceof SessionTooLargeError)) throw error
      return await this.#commitRecord(commit, anew)
    }
  }

  /** The session in the cookie alone, if it fits and nobody can still be at work on the record. */
  async #leaveRecord({ data }: Commit, loaded: Held): Promise<Saved | undefined> {
    if (!loaded.beside || this.#now() - loaded.lastActivity < QUIET) return undefined
    if (userIdOf(data) !== (loaded.signIn?.userId ?? null)) return undefined
    const held: Held = { ...loaded, key: null, data: withRecord(data, undefined) }
    const alone = await this.#cookie.touch(held)
    if (alone === undefined || (await this.#stored.leave(loaded)) !== 'done') return undefined
    return { outcome: 'saved', ...alone, replayed: false }
  }

  /** Writes the record, or creates one for what has had none. */
  async #commitRecord(commit: Commit, anew = false): Promise<Committed> {
    const held: Held | undefined = commit.loaded
    const signed = await this.#signed(commit)
    if (signed === undefined) return { outcome: 'ended' }
    const { loaded } = signed
    const committed =
      anew && loaded ? await this.#stored.adopt({ ...signed, loaded }) : await this.#stored.commit(signed)
    if (committed.outcome === 'ended') return committed
    const recorded = heldByRecord(committed.loaded)
    // Last, so that a session that could not be written goes on as it was.
    if (held?.signIn !== undefined && held.signIn.id !== recorded.signIn?.id) await this.#cookie.end(held)
    return { ...committed, loaded: recorded, cookie: await this.#cookieFor(recorded, committed.cookie) }
  }

  /** The commit with the sign-in that its record goes by; undefined when the session has been ended. */
  async #signed(commit: Commit): Promise<Commit | undefined> {
    const { write, restartClock } = commit
    const held = (commit.loaded as Held | undefined)?.signIn
    if (write !== 'cycle' && held !== undefined && held.userId === userIdOf(commit.data))
      return withSignIn(commit, held)
    const standing = held && (await this.#revocations.check(held.userId, held.id))
    // A sign-in stands on its own; anything else that a session does ends with it.
    const anew = write === 'cycle' && restartClock
    if (held && standing && isRevoked(standing, held.epoch) && !anew) return undefined
    const data = standing?.ended ? commit.changes.replayOn(emptyData()) : commit.data
    const userId = userIdOf(data)
    // By the epoch that was judged: if it rises meanwhile, this session ends with the user's others.
    const signIn = await this.#signIn(userId, anew || userId !== held?.userId ? undefined : standing?.epoch)
    return withSignIn(standing?.ended ? { ...commit, write: 'create', loaded: undefined, data } : commit, signIn)
  }

  /** A new sign-in of this user, under the present epoch unless another is given. */
  async #signIn(userId: string | null, epoch?: number): Promise<SignIn | undefined> {
    if (userId === null) return undefined
    const id = randomBytes(ID_BYTES).toString('base64url')
    return { userId, id, epoch: epoch ?? (await this.#revocations.check(userId, id)).epoch }
  }

  /** The record's key, beside the session itself where that is small again. */
  async #cookieFor(loaded: Held, key: string): Promise<string> {
    const held: Held = { ...loaded, key: null, data: withRecord(loaded.data, key) }
    const both = await this.#cookie.touch(held)
    return both !== undefined && both.cookie.length <= this.#returnAt ? both.cookie : key
  }

  /** Lifts one session over the end of all the others. */
  async #keep(userId: string, key: string): Promise<void> {
    const record = await this.#stored.store.load(this.#stored.codec.storeKey(key))
    const opened = await this.#stored.open(key)
    if (record === undefined || !opened.live) return
    const { data, signIn } = heldByRecord(opened.loaded)
    if (signIn?.userId !== userId) return
    const { epoch } = await this.#revocations.check(userId, signIn.id)
    const { ipAddress, userAgent } = record
    await this.#stored.commit({
      write: 'save',
      loaded: opened.loaded,
      data: forRecord(data, { ...signIn, epoch }),
      changes: new RecordChanges(new Changes(), (theirs) => theirs && { ...theirs, epoch }),
      client: { ipAddress, userAgent },
      restartClock: false,
    })
  }
}

function withSignIn(commit: Commit, signIn: SignIn | undefined): Commit {
  const { write, data, changes } = commit
  const choose = (theirs: SignIn | undefined, userId: string | null) =>
    write !== 'cycle' && theirs?.userId === userId ? theirs : signIn?.userId === userId ? signIn : undefined
  return { ...commit, data: forRecord(data, signIn), changes: new RecordChanges(changes, choose) }
}

/** The data with this record's key among them, or none, in place of any that a handler has put there. */
function withRecord(data: SessionData, key: string | undefined): SessionData {
  const copy: SessionData = Object.assign(emptyData(), data)
  if (key === undefined) delete copy[RECORD_KEY]
  else copy[RECORD_KEY] = key
  return copy
}
