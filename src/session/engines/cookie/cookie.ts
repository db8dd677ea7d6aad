import type { CookieCodec } from '../../codec/codec.ts'
import { emptyData, type SessionData } from '../../core/data.ts'
import { SessionContendedError, SessionTooLargeError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import { deadline, EXPIRY_KEY, type ExpiryPolicy, fixedDate, MAX_COOKIE_AGE } from '../../core/expiry.ts'
import { userIdOf } from '../../core/user.ts'
import { type Revocations, type SignIn, sessionSubject } from '../../stores/revocations.ts'
import { NotSupportedError } from '../../stores/store.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, UserSessions } from '../engine.ts'
import { newSignInId, sessionIdOfSignIn, takeReserved, withReserved } from './cookie-sign-in.ts'
import { checkDropOrder, fitted, type OverflowPolicy } from './overflow.ts'
import { isRevoked, stateOf } from './standing.ts'

/** Options for {@link CookieEngine}. */
export interface CookieEngineOptions {
  readonly codec: CookieCodec
  readonly expiry: ExpiryPolicy
  /** Most bytes of the cookie's value; with its name it must also keep within the cookie's own maximum. */
  readonly maxSize: number
  /** What ends the sessions of signed-in users; without it a copy of a cookie outlives a logout. */
  readonly revocations?: Revocations
  /** What to do with a session that is larger: refuse it (`error`, by default), or drop what may go first. */
  readonly overflow?: OverflowPolicy['overflow']
  /** Keys and slices that may go, in the order in which they go. */
  readonly dropOrder?: readonly string[]
  /** Seconds after which a cookie is refused whatever its session's age; activity gives out a new one in time. */
  readonly maxReplay?: number | undefined
  /** Seconds for which a signed-in cookie from before a change of key may still be read; 60 by default. */
  readonly forwardFor?: number | undefined
  readonly observe?: Observer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

type Held = Loaded & { readonly signIn?: SignIn | undefined }
type Saved = Committed & { outcome: 'saved'; cookie: string }

// Entries outlive the cookies they refuse by a day, because the clocks of several servers differ.
const SPARE = 86_400_000
const FORWARD_FOR = 60
const MAX_HOPS = 100

/**
 * Sessions that live in the cookie alone. Overlapping changes are last-writer-wins.
 *
 * With revocations, a signed-in session can be ended: each of its requests costs one statement, and an ended cookie is
 * refused everywhere. An anonymous session costs none, and a copy of its cookie works until its age is over.
 *
 * After a change of key the former cookie of a signed-in session may be read for as long as a request may take. A change
 * that comes with it is refused: its data could only replace newer ones. Anonymous cookies get no such promise.
 */
export class CookieEngine implements Engine {
  readonly name = 'signed_cookies'
  readonly cookieHoldsData = true
  readonly refreshesCookie: boolean
  /** A cookie that was made longer ago than the replay window is over, just as one without activity. */
  readonly expiry: ExpiryPolicy
  /** What ends the sessions of signed-in users, if anything does. */
  readonly revocations: Revocations | undefined
  readonly #codec: CookieCodec
  readonly #policy: OverflowPolicy
  readonly #forwardFor: number
  readonly #observe: Observer
  readonly #now: () => number

  /** @throws RangeError for a `dropOrder` with a key that must never go */
  constructor(options: CookieEngineOptions) {
    const {
      codec,
      expiry,
      maxSize,
      revocations,
      overflow = 'error',
      dropOrder = [],
      maxReplay = MAX_COOKIE_AGE,
    } = options
    checkDropOrder(dropOrder)
    this.expiry = { ...expiry, idleAge: Math.min(expiry.idleAge ?? MAX_COOKIE_AGE, maxReplay, MAX_COOKIE_AGE) }
    this.refreshesCookie = codec.name === 'django'
    this.#codec = codec
    this.#policy = { maxSize, overflow, dropOrder }
    this.revocations = revocations
    this.#forwardFor = (options.forwardFor ?? FORWARD_FOR) * 1000
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  async open(cookie: string): Promise<Opened> {
    // Of any age: the session's own expiry, which decides over it, is inside (Django ignores it here).
    const decoded = this.#codec.decode(cookie, Number.POSITIVE_INFINITY)
    if (!decoded.ok) return { live: false, suspicion: 'undecodable', detail: decoded.reason }
    const { data, signIn, createdAt = decoded.issuedAt } = takeReserved(cookie, decoded)
    const loaded = this.#loaded(data, signIn, createdAt, decoded.issuedAt)
    if (this.#isOver(loaded)) return { live: false }
    const state = signIn === undefined ? 'live' : await this.#stateOf(signIn)
    if (state === 'ended') return { live: false, suspicion: 'revoked' }
    if (state === 'live') return { live: true, loaded }
    this.#observe({ type: 'forward' })
    return { live: true, loaded: { ...loaded, forwarded: true } }
  }

  async commit(commit: Commit): Promise<Committed> {
    const { write, data, restartClock } = commit
    const loaded = commit.loaded as Held | undefined
    const createdAt = loaded === undefined || restartClock ? this.#now() : loaded.createdAt
    const held = loaded?.signIn
    if (this.revocations === undefined || held === undefined) {
      return this.#issue(data, await this.newSignIn(userIdOf(data), loaded?.id), createdAt)
    }
    const standing = await this.revocations.check(held.userId, held.id)
    // A sign-in stands on its own; anything else that a session does ends with it.
    const anew = write === 'cycle' && restartClock
    const taken = standing.ended || standing.successor !== undefined
    if ((taken || isRevoked(standing, held)) && !anew) return { outcome: 'ended' }
    if (write !== 'cycle' && userIdOf(data) === held.userId) return this.#issue(data, held, createdAt)
    if (taken) return await this.#fresh(commit)
    const userId = userIdOf(data)
    // By the epoch that was judged: if it rises meanwhile, this session ends with the user's others.
    const signIn = await this.newSignIn(userId, loaded?.id, anew || userId !== held.userId ? undefined : standing.epoch)
    const issued = this.#issue(data, signIn, createdAt)
    // Last, so that a session too large for its cookie goes on as it was.
    if (signIn === undefined || userId !== held.userId) await this.endSignIn(held)
    else if (!(await this.follow(held, signIn))) return anew ? await this.#fresh(commit) : { outcome: 'ended' }
    return issued
  }

  /** A new cookie, with a new time and the same sign-in. */
  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    const { signIn, forwarded } = loaded as Held
    if (forwarded) return undefined
    if (signIn !== undefined && (await this.#stateOf(signIn)) !== 'live') return undefined
    return this.issue(loaded)
  }

  /** A cookie for a session that is known to be live; undefined where it is too large for one. */
  issue(loaded: Loaded): { loaded: Loaded; cookie: string } | undefined {
    try {
      return this.#issue(loaded.data, (loaded as Held).signIn, loaded.createdAt)
    } catch (error) {
      // Django's cookie can be too full for what is kept here beside it, and a mere read must not fail.
      if (error instanceof SessionTooLargeError) return undefined
      throw error
    }
  }

  /** Of an anonymous session, the answer clears the cookie, and there is nothing else to end. */
  async end(loaded: Loaded): Promise<Ended> {
    const { signIn } = loaded as Held
    if (signIn !== undefined) await this.endSignIn(signIn)
    return { outcome: 'ended' }
  }

  /**
   * Ends a sign-in and whatever its session went on under.
   *
   * @throws SessionContendedError when its key changed all the time
   */
  async endSignIn({ userId, id }: Pick<SignIn, 'userId' | 'id'>, hop = 0): Promise<void> {
    if (this.revocations === undefined) return
    if (hop > MAX_HOPS) throw new SessionContendedError()
    const before = await this.revocations.check(userId, id)
    // First, or a failure in between would leave what the former cookie does not lead to any more.
    if (before.successor !== undefined) await this.endSignIn({ userId, id: before.successor }, hop + 1)
    await this.revoke(id)
    if (before.successor !== undefined) return
    // Recorded between the two; whoever records one from now on sees that it has ended.
    const { successor } = await this.revocations.check(userId, id)
    if (successor !== undefined) await this.endSignIn({ userId, id: successor }, hop + 1)
  }

  /** Lets one sign-in follow another; false when that has been ended, or another has followed it first. */
  async follow(former: SignIn, next: SignIn): Promise<boolean> {
    if (this.revocations === undefined) return true
    await this.revoke(former.id, this.#now() + this.#forwardFor, next.id)
    const { ended, successor } = await this.revocations.check(former.userId, former.id)
    return !ended && successor === sessionSubject(next.id)
  }

  /**
   * Ends whatever goes by this id, for as long as any cookie of today can live.
   *
   * @param from when it ends, in milliseconds since 1970; at once without it
   * @param successorId the sign-in that its session goes on under
   */
  async revoke(id: string, from?: number, successorId?: string): Promise<void> {
    await this.revocations?.endSession(id, this.#lastDeath(), from, successorId)
  }

  /** A new sign-in of this user in the session of this id, under the present epoch unless another is given. */
  async newSignIn(userId: string | null, sessionId: string | null = null, epoch?: number): Promise<SignIn | undefined> {
    if (userId === null || this.revocations === undefined) return undefined
    const id = newSignInId(sessionId)
    return { userId, id, epoch: epoch ?? (await this.revocations.check(userId, id)).epoch }
  }

  async endUser(userId: string, exceptId: string | null = null): Promise<undefined> {
    if (this.revocations === undefined) {
      throw new NotSupportedError('A session that the cookie alone holds can be ended nowhere else.')
    }
    await this.revocations.endUser(userId, this.#lastDeath(), exceptId ?? undefined)
  }

  async listUser(): Promise<UserSessions> {
    return { listed: [], complete: false, endable: this.revocations !== undefined }
  }

  async endOne(): Promise<false> {
    return false
  }

  /** `late`: its session goes on under another sign-in. */
  async #stateOf(signIn: SignIn): Promise<'live' | 'late' | 'ended'> {
    return this.revocations === undefined ? 'live' : await stateOf(this.revocations, signIn)
  }

  /** A sign-in alone, with this request's changes, as a session of its own. */
  async #fresh({ changes }: Commit): Promise<Committed> {
    const data = changes.replayOn(emptyData())
    const signIn = await this.newSignIn(userIdOf(data))
    return signIn === undefined ? { outcome: 'ended' } : this.#issue(data, signIn, this.#now())
  }

  /** @throws SessionTooLargeError */
  #issue(data: SessionData, signIn: SignIn | undefined, createdAt: number): Saved {
    const reserved = {
      signIn: this.revocations && signIn,
      createdAt: this.expiry.absoluteAge === undefined ? undefined : createdAt,
    }
    const encode = (some: SessionData) => this.#codec.encode(withReserved(some, reserved))
    const { cookie, data: kept, dropped, bytes } = fitted(data, encode, this.#policy)
    const loaded = this.#loaded(kept, signIn, createdAt, this.#now())
    if (dropped.length === 0) return { outcome: 'saved', loaded, cookie, replayed: false }
    this.#observe({ type: 'overflow', dropped, bytes, limit: this.#policy.maxSize })
    return { outcome: 'saved', loaded, cookie, replayed: false, dropped }
  }

  #loaded(data: SessionData, signIn: SignIn | undefined, createdAt: number, issuedAt: number): Held {
    const expires = deadline(this.expiry, data[EXPIRY_KEY], createdAt, issuedAt)
    const id = signIn === undefined ? null : sessionIdOfSignIn(signIn.id)
    return { id, key: null, data, version: 0, createdAt, lastActivity: issuedAt, expires, signIn }
  }

  /** At exactly its age a cookie still holds, as in Django; a date is over when it comes. */
  #isOver({ data, expires }: Loaded): boolean {
    return fixedDate(data[EXPIRY_KEY]) === undefined ? expires < this.#now() : expires <= this.#now()
  }

  /** When the last cookie made until now is over, whatever expiry of its own its session had when it was made. */
  #lastDeath(): number {
    const { idleAge = MAX_COOKIE_AGE, absoluteAge = MAX_COOKIE_AGE } = this.expiry
    return this.#now() + Math.min(idleAge, absoluteAge) * 1000 + SPARE
  }
}
