import { randomBytes } from 'node:crypto'
import type { CookieCodec } from '../codec/codec.ts'
import { LONGEST } from '../cookie.ts'
import { emptyData, type SessionData } from '../data.ts'
import { SessionTooLargeError } from '../errors.ts'
import { deadline, EXPIRY_KEY, type ExpiryPolicy, fixedDate } from '../expiry.ts'
import type { Observer } from '../observe/events.ts'
import { NotSupportedError } from '../stores/store.ts'
import { adopting, type SignIn, takeReserved, withReserved } from './cookie-sign-in.ts'
import {
  type Commit,
  type Committed,
  type Engine,
  type Loaded,
  type Opened,
  type UserSessions,
  userIdOf,
} from './engine.ts'
import { checkDropOrder, fitted, type OverflowPolicy } from './overflow.ts'
import { isRevoked, type Revocations } from './revocations.ts'

/** What a {@link CookieEngine} is made of. */
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
  readonly observe?: Observer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

type Held = Loaded & { readonly signIn?: SignIn | undefined }
type Saved = Committed & { outcome: 'saved' }

// Entries outlive the cookies they refuse by a day, because the clocks of several servers differ.
const SPARE = 86_400_000
const ID_BYTES = 16

/**
 * Sessions that live in the cookie alone. Overlapping changes are last-writer-wins (Django behaviours 80 to 84).
 *
 * With revocations, a signed-in session can be ended: each of its requests costs one statement, and an ended cookie is
 * refused everywhere. An anonymous session costs none, and a copy of its cookie works until its age is over.
 */
export class CookieEngine implements Engine {
  readonly name = 'signed_cookies'
  /** A cookie that was made longer ago than the replay window is over, just as one without activity. */
  readonly expiry: ExpiryPolicy
  readonly #codec: CookieCodec
  readonly #policy: OverflowPolicy
  readonly #revocations: Revocations | undefined
  readonly #observe: Observer
  readonly #now: () => number

  /** @throws RangeError for a `dropOrder` with a key that must never go */
  constructor(options: CookieEngineOptions) {
    const { codec, expiry, maxSize, revocations, overflow = 'error', dropOrder = [], maxReplay = LONGEST } = options
    checkDropOrder(dropOrder)
    this.expiry = { ...expiry, idleAge: Math.min(expiry.idleAge ?? LONGEST, maxReplay, LONGEST) }
    this.#codec = codec
    this.#policy = { maxSize, overflow, dropOrder }
    this.#revocations = revocations
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  async open(cookie: string): Promise<Opened> {
    // Of any age: the session's own expiry, which decides over it, is inside (Django ignores it here, behaviour 81).
    const decoded = this.#codec.decode(cookie, Number.POSITIVE_INFINITY)
    if (!decoded.ok) return { live: false, suspicion: 'undecodable', detail: decoded.reason }
    const { data, signIn, createdAt = decoded.issuedAt } = takeReserved(cookie, decoded)
    const loaded = this.#loaded(data, signIn, createdAt, decoded.issuedAt)
    if (this.#isOver(loaded)) return { live: false }
    const revoked = signIn !== undefined && (await this.#isRevoked(signIn))
    return revoked ? { live: false, suspicion: 'revoked' } : { live: true, loaded }
  }

  async commit(commit: Commit): Promise<Committed> {
    const { write, data, changes, restartClock } = commit
    const loaded = commit.loaded as Held | undefined
    const createdAt = loaded === undefined || restartClock ? this.#now() : loaded.createdAt
    const held = loaded?.signIn
    if (this.#revocations === undefined || held === undefined) {
      return this.#issue(data, await this.#signIn(userIdOf(data)), createdAt)
    }
    const standing = await this.#revocations.check(held.userId, held.id)
    // A sign-in stands on its own; anything else that a session does ends with it.
    const anew = write === 'cycle' && restartClock
    if (isRevoked(standing, held.epoch) && !anew) return { outcome: 'ended' }
    if (write !== 'cycle' && userIdOf(data) === held.userId) return this.#issue(data, held, createdAt)
    const own = standing.ended ? changes.replayOn(emptyData()) : data
    const userId = userIdOf(own)
    // By the epoch that was judged: if it rises meanwhile, this session ends with the user's others.
    const signIn = await this.#signIn(userId, anew || userId !== held.userId ? undefined : standing.epoch)
    if (standing.ended && signIn === undefined) return { outcome: 'ended' }
    const issued = this.#issue(own, signIn, createdAt)
    // Last, so that a session too large for its cookie goes on as it was.
    if (!standing.ended) await this.#revocations.endSession(held.id, this.#lastDeath())
    return issued
  }

  /** A new cookie, with a new time and the same sign-in: where that has been ended, the next request will say so. */
  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    try {
      return this.#issue(loaded.data, (loaded as Held).signIn, loaded.createdAt)
    } catch (error) {
      // Django's cookie can be too full for what is kept here beside it, and a mere read must not fail.
      if (error instanceof SessionTooLargeError) return undefined
      throw error
    }
  }

  /** Of an anonymous session, the answer clears the cookie, and there is nothing else to end. */
  async end(loaded: Loaded): Promise<void> {
    const { signIn } = loaded as Held
    if (signIn !== undefined) await this.revoke(signIn.id)
  }

  /** Ends whatever goes by this id, for as long as any cookie of today can live. */
  async revoke(id: string): Promise<void> {
    await this.#revocations?.endSession(id, this.#lastDeath())
  }

  async adopt(commit: Commit & { loaded: Loaded }): Promise<Committed> {
    const adopted = await adopting(commit, this.#revocations)
    return adopted === undefined ? { outcome: 'ended' } : await this.commit(adopted)
  }

  async leave(loaded: Loaded, grace = 0, anew = false): Promise<'done' | 'missing'> {
    const { signIn } = loaded as Held
    if (signIn === undefined || this.#revocations === undefined) return 'done'
    const standing = await this.#revocations.check(signIn.userId, signIn.id)
    if (anew ? standing.ended : isRevoked(standing, signIn.epoch)) return 'missing'
    await this.#revocations.endSession(signIn.id, this.#lastDeath(), this.#now() + grace)
    return 'done'
  }

  async claim(loaded: Loaded): Promise<'done' | 'missing'> {
    const { signIn } = loaded as Held
    return signIn !== undefined && (await this.#isRevoked(signIn)) ? 'missing' : 'done'
  }

  async claimed(): Promise<undefined> {
    return undefined
  }

  /** All of them, for no cookie can be told from another: the caller's goes on by `cycleKey({ restartClock: true })`. */
  async endUser(userId: string): Promise<undefined> {
    if (this.#revocations === undefined) {
      throw new NotSupportedError('A session that the cookie alone holds can be ended nowhere else.')
    }
    await this.#revocations.endUser(userId, this.#lastDeath())
  }

  async listUser(): Promise<UserSessions> {
    return { listed: [], complete: false, endable: this.#revocations !== undefined }
  }

  async endOne(): Promise<false> {
    return false
  }

  /** A new sign-in of this user, under the present epoch unless another is given. */
  async #signIn(userId: string | null, epoch?: number): Promise<SignIn | undefined> {
    if (userId === null || this.#revocations === undefined) return undefined
    const id = randomBytes(ID_BYTES).toString('base64url')
    return { userId, id, epoch: epoch ?? (await this.#revocations.check(userId, id)).epoch }
  }

  async #isRevoked({ userId, id, epoch }: SignIn): Promise<boolean> {
    return this.#revocations !== undefined && isRevoked(await this.#revocations.check(userId, id), epoch)
  }

  /** @throws SessionTooLargeError */
  #issue(data: SessionData, signIn: SignIn | undefined, createdAt: number): Saved {
    const reserved = {
      signIn: this.#revocations && signIn,
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
    return { key: null, data, version: 0, createdAt, lastActivity: issuedAt, expires, signIn }
  }

  /** At exactly its age a cookie still holds, as in Django; a date is over when it comes. */
  #isOver({ data, expires }: Loaded): boolean {
    return fixedDate(data[EXPIRY_KEY]) === undefined ? expires < this.#now() : expires <= this.#now()
  }

  /** When the last cookie made until now is over, whatever expiry of its own its session had when it was made. */
  #lastDeath(): number {
    const { idleAge = LONGEST, absoluteAge = LONGEST } = this.expiry
    return this.#now() + Math.min(idleAge, absoluteAge) * 1000 + SPARE
  }
}
