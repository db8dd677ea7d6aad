import type { CookieCodec } from '../../codec/codec.ts'
import { emptyData, type SessionData } from '../../core/data.ts'
import { SessionContendedError, SessionTooLargeError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import { absoluteAge, deadline, EXPIRY_KEY, type ExpiryPolicy, fixedDate, MAX_COOKIE_AGE } from '../../core/expiry.ts'
import { userIdOf } from '../../core/user.ts'
import { type Revocations, type SignIn, sessionSubject } from '../../stores/revocations.ts'
import { NotSupportedError } from '../../stores/store.ts'
import type { Commit, Committed, Ended, Engine, Loaded, Opened, UserSessions } from '../engine.ts'
import { newSignInId, sessionIdOfSignIn, takeReserved, withReserved } from './cookie-sign-in.ts'
import { checkDropOrder, fitCookie, type OverflowPolicy } from './overflow.ts'
import { isRevoked, signInState } from './revocation-state.ts'

/** Options for {@link CookieEngine}. */
export interface CookieEngineOptions {
  readonly codec: CookieCodec
  readonly expiry: ExpiryPolicy
  /** Maximum bytes of the cookie's value; name and value together are also limited by the cookie's `maxSize`. */
  readonly maxSize: number
  /** Lets sessions of signed-in users be ended; without it a copy of a cookie stays valid after logout. */
  readonly revocations?: Revocations
  /** What to do with a larger session: refuse it (`error`, the default) or drop keys of `dropOrder` (`degrade`). */
  readonly overflow?: OverflowPolicy['overflow']
  /** Keys and slices that may be dropped, first ones first; none by default. */
  readonly dropOrder?: readonly string[]
  /** Maximum age of a cookie in seconds; active visitors get a new one in time. 400 days by default. */
  readonly maxReplay?: number | undefined
  /** Seconds for which a signed-in cookie from before a change of key can still be read; 60 by default. */
  readonly forwardSeconds?: number | undefined
  readonly observe?: Observer
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

type CookieSession = Loaded & { readonly signIn?: SignIn | undefined }
type Saved = Committed & { outcome: 'saved'; cookie: string }

interface CookieMetadata {
  readonly signIn: SignIn | undefined
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly issuedAt: number
  readonly json: string | undefined
}

// Entries are kept a day longer than the cookies they refuse, because clocks of servers differ.
const CLOCK_MARGIN_MS = 86_400_000
const DEFAULT_FORWARD_SECONDS = 60
const MAX_HOPS = 100

/**
 * Keeps sessions in the cookie only. Of overlapping changes the last one wins.
 *
 * With revocations, signed-in sessions can be ended: each of their requests costs one statement, and an ended cookie is
 * refused everywhere. Anonymous sessions cost none, and a copy of their cookie is valid until it expires.
 *
 * After a change of key the previous cookie of a signed-in session can be read for as long as a request may take.
 * Changes with it are refused, because its data could only replace newer ones. This does not apply to anonymous cookies.
 */
export class CookieEngine implements Engine {
  readonly name = 'signed_cookies'
  readonly cookieHoldsData = true
  readonly refreshesCookie: boolean
  /** The replay window is part of the idle age. */
  readonly expiry: ExpiryPolicy
  /** Undefined if sessions cannot be ended. */
  readonly revocations: Revocations | undefined
  readonly #codec: CookieCodec
  readonly #policy: OverflowPolicy
  readonly #forwardMs: number
  readonly #observe: Observer
  readonly #now: () => number

  /** @throws RangeError for a `dropOrder` with a key that must not be dropped */
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
    this.#forwardMs = (options.forwardSeconds ?? DEFAULT_FORWARD_SECONDS) * 1000
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  async open(cookie: string): Promise<Opened> {
    // Without a maximum age, because a custom expiry is inside (Django ignores it here).
    const decoded = this.#codec.decode(cookie, Number.POSITIVE_INFINITY)
    if (!decoded.ok) return { live: false, suspicion: 'undecodable', detail: decoded.reason }
    const { data, signIn, createdAt = decoded.issuedAt } = takeReserved(cookie, decoded)
    const loaded = this.#loaded(data, { signIn, createdAt, issuedAt: decoded.issuedAt, json: decoded.json })
    if (this.#isOver(loaded)) return { live: false }
    const state = signIn === undefined ? 'live' : await this.#signInState(signIn)
    if (state === 'ended') return { live: false, suspicion: 'revoked' }
    if (state === 'live') return { live: true, loaded }
    this.#observe({ type: 'forward' })
    return { live: true, loaded: { ...loaded, forwarded: true } }
  }

  async commit(commit: Commit): Promise<Committed> {
    const { write, data, restartClock } = commit
    const loaded = commit.loaded as CookieSession | undefined
    const createdAt = loaded === undefined || restartClock ? this.#now() : loaded.createdAt
    const previous = loaded?.signIn
    if (this.revocations === undefined || previous === undefined) {
      return this.#issue(data, await this.newSignIn(userIdOf(data), loaded?.id), createdAt, loaded?.json)
    }
    const state = await this.revocations.check(previous.userId, previous.id)
    // A sign-in proves who it is by itself; any other change ends with its session.
    const isSignIn = write === 'cycle' && restartClock
    const isOver = state.ended || state.successor !== undefined
    if ((isOver || isRevoked(state, previous)) && !isSignIn) return { outcome: 'ended' }
    if (write !== 'cycle' && userIdOf(data) === previous.userId)
      return this.#issue(data, previous, createdAt, loaded?.json)
    if (isOver) return await this.#startNewSession(commit)
    const userId = userIdOf(data)
    // With the epoch that was checked: if it rises meanwhile, this session ends with the user's others.
    const epoch = isSignIn || userId !== previous.userId ? undefined : state.epoch
    const signIn = await this.newSignIn(userId, loaded?.id, epoch)
    const issued = this.#issue(data, signIn, createdAt, loaded?.json)
    // Last, so that a session too large for its cookie stays as it was.
    if (signIn === undefined || userId !== previous.userId) await this.endSignIn(previous)
    else if (!(await this.follow(previous, signIn))) {
      return isSignIn ? await this.#startNewSession(commit) : { outcome: 'ended' }
    }
    return issued
  }

  /** Issues a cookie with a new time and the same sign-in. */
  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    const { signIn, forwarded } = loaded as CookieSession
    if (forwarded) return undefined
    if (signIn !== undefined && (await this.#signInState(signIn)) !== 'live') return undefined
    return this.issue(loaded)
  }

  /** Issues a cookie for a session that is known to be live; undefined if it is too large. */
  issue(loaded: Loaded): { loaded: Loaded; cookie: string } | undefined {
    try {
      return this.#issue(loaded.data, (loaded as CookieSession).signIn, loaded.createdAt, loaded.json)
    } catch (error) {
      // Django's cookie may leave no room for the engine's values, and a mere read must not fail.
      if (error instanceof SessionTooLargeError) return undefined
      throw error
    }
  }

  /** For an anonymous session the response clears the cookie, and there is nothing else to end. */
  async end(loaded: Loaded): Promise<Ended> {
    const { signIn } = loaded as CookieSession
    if (signIn !== undefined) await this.endSignIn(signIn)
    return { outcome: 'ended' }
  }

  /**
   * Ends a sign-in and all its successors.
   *
   * @throws SessionContendedError if its key kept changing
   */
  async endSignIn({ userId, id }: Pick<SignIn, 'userId' | 'id'>, hop = 0): Promise<void> {
    if (this.revocations === undefined) return
    if (hop > MAX_HOPS) throw new SessionContendedError()
    const before = await this.revocations.check(userId, id)
    // Successors first: after a failure in between, this cookie would no longer lead to them.
    if (before.successor !== undefined) await this.endSignIn({ userId, id: before.successor }, hop + 1)
    await this.revoke(id)
    if (before.successor !== undefined) return
    // A successor recorded in between; later ones see that the sign-in has ended.
    const { successor } = await this.revocations.check(userId, id)
    if (successor !== undefined) await this.endSignIn({ userId, id: successor }, hop + 1)
  }

  /** Records a successor of a sign-in; returns false if that was ended or already has another successor. */
  async follow(former: SignIn, next: SignIn): Promise<boolean> {
    if (this.revocations === undefined) return true
    await this.revoke(former.id, this.#now() + this.#forwardMs, next.id)
    const { ended, successor } = await this.revocations.check(former.userId, former.id)
    return !ended && successor === sessionSubject(next.id)
  }

  /**
   * Ends the sign-in or session with this id, for as long as any current cookie can live.
   *
   * @param from when it ends, in milliseconds since 1970; immediately by default
   * @param successorId the sign-in that replaces it
   */
  async revoke(id: string, from?: number, successorId?: string): Promise<void> {
    await this.revocations?.endSession(id, this.#lastExpiry(), from, successorId)
  }

  /** Creates a sign-in of this user in the session with this id, with the current epoch by default. */
  async newSignIn(userId: string | null, sessionId: string | null = null, epoch?: number): Promise<SignIn | undefined> {
    if (userId === null || this.revocations === undefined) return undefined
    const id = newSignInId(sessionId)
    return { userId, id, epoch: epoch ?? (await this.revocations.check(userId, id)).epoch }
  }

  async endUser(userId: string, exceptId: string | null = null): Promise<undefined> {
    if (this.revocations === undefined) {
      throw new NotSupportedError('Sessions in cookies cannot be ended without a table of revocations.')
    }
    await this.revocations.endUser(userId, this.#lastExpiry(), exceptId ?? undefined)
  }

  async listUser(): Promise<UserSessions> {
    return { listed: [], complete: false, endable: this.revocations !== undefined }
  }

  async endOne(): Promise<false> {
    return false
  }

  /** `late`: its session has a newer sign-in. */
  async #signInState(signIn: SignIn): Promise<'live' | 'late' | 'ended'> {
    return this.revocations === undefined ? 'live' : await signInState(this.revocations, signIn)
  }

  /** Starts a new session with this request's changes only, for a sign-in. */
  async #startNewSession({ changes, withoutSession }: Commit): Promise<Committed> {
    if (withoutSession !== undefined) return await withoutSession()
    const data = changes.replayOn(emptyData())
    const signIn = await this.newSignIn(userIdOf(data))
    return signIn === undefined ? { outcome: 'ended' } : this.#issue(data, signIn, this.#now())
  }

  /** @throws SessionTooLargeError */
  #issue(data: SessionData, signIn: SignIn | undefined, createdAt: number, former?: string): Saved {
    const reserved = {
      signIn: this.revocations && signIn,
      createdAt: absoluteAge(this.expiry, data) === undefined ? undefined : createdAt,
    }
    const encode = (some: SessionData) => this.#codec.encode(withReserved(some, reserved), former)
    const { cookie, data: kept, dropped, bytes } = fitCookie(data, encode, this.#policy)
    const loaded = this.#loaded(kept, { signIn, createdAt, issuedAt: this.#now(), json: former })
    if (dropped.length === 0) return { outcome: 'saved', loaded, cookie, replayed: false }
    this.#observe({ type: 'overflow', dropped, bytes, limit: this.#policy.maxSize })
    return { outcome: 'saved', loaded, cookie, replayed: false, dropped }
  }

  #loaded(data: SessionData, { signIn, createdAt, issuedAt, json }: CookieMetadata): CookieSession {
    const expires = deadline(this.expiry, data, createdAt, issuedAt)
    const id = signIn === undefined ? null : sessionIdOfSignIn(signIn.id)
    return { id, key: null, data, version: 0, createdAt, lastActivity: issuedAt, expires, json, signIn }
  }

  /** At exactly its age a cookie is still valid, as in Django; a date has expired when it is reached. */
  #isOver({ data, expires }: Loaded): boolean {
    return fixedDate(data[EXPIRY_KEY]) === undefined ? expires < this.#now() : expires <= this.#now()
  }

  /** When the last cookie that was issued until now expires, whatever its custom expiry. */
  #lastExpiry(): number {
    const { idleAge = MAX_COOKIE_AGE, absoluteAge: age = MAX_COOKIE_AGE } = this.expiry
    return this.#now() + Math.min(idleAge, age) * 1000 + CLOCK_MARGIN_MS
  }
}
