import type { CookieCodec, Decoded } from '../codec/codec.ts'
import type { SessionData } from '../data.ts'
import { SessionTooLargeError } from '../errors.ts'
import { deadline, EXPIRY_KEY, type ExpiryPolicy, fixedDate } from '../expiry.ts'
import { NotSupportedError } from '../stores/store.ts'
import type { Commit, Committed, Engine, Loaded, Opened } from './engine.ts'

/** What a {@link CookieEngine} is made of. */
export interface CookieEngineOptions {
  readonly codec: CookieCodec
  readonly expiry: ExpiryPolicy
  /** Most bytes of the cookie's value; with its name it must also keep within the cookie's own maximum. */
  readonly maxSize: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * Sessions that live in the cookie alone. There is no server to ask, so overlapping changes are last-writer-wins, and a
 * copy of the cookie works until its age is over, even after a logout (Django behaviours 80 to 84).
 */
export class CookieEngine implements Engine {
  readonly name = 'signed_cookies'
  readonly #codec: CookieCodec
  readonly #expiry: ExpiryPolicy
  readonly #maxSize: number
  readonly #now: () => number

  constructor({ codec, expiry, maxSize, now = Date.now }: CookieEngineOptions) {
    this.#codec = codec
    this.#expiry = expiry
    this.#maxSize = maxSize
    this.#now = now
  }

  async open(cookie: string): Promise<Opened> {
    const decoded = this.#decode(cookie)
    if (!decoded.ok) return { live: false, suspicion: 'undecodable', detail: decoded.reason }
    const loaded = this.#loaded(decoded.data)
    return loaded.expires > this.#now() ? { live: true, loaded } : { live: false }
  }

  /** @throws SessionTooLargeError */
  async commit({ data }: Commit): Promise<Committed> {
    // Nobody can have saved meanwhile, so there is nothing to replay on.
    return this.#encoded(data)
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string }> {
    return this.#encoded(loaded.data)
  }

  async end(): Promise<void> {
    // The answer clears the cookie; there is nothing else.
  }

  async adopt({ data }: Commit): Promise<Committed & { outcome: 'saved' }> {
    return this.#encoded(data)
  }

  async leave(): Promise<'done'> {
    return 'done'
  }

  async endUser(): Promise<never> {
    throw new NotSupportedError('A session that the cookie alone holds can be ended nowhere else.')
  }

  // Its own expiry decides over the cookie age, be it shorter or longer; Django ignores it here (behaviour 81).
  #decode(cookie: string): Decoded {
    const { cookieAge } = this.#expiry
    const usual = this.#codec.decode(cookie, cookieAge)
    if (usual.ok && usual.data[EXPIRY_KEY] === undefined) return usual
    const ageless = this.#codec.decode(cookie, Number.POSITIVE_INFINITY)
    const own = ageless.ok ? ageless.data[EXPIRY_KEY] : undefined
    // A date is a moment of its own, however long ago the cookie was made.
    if (fixedDate(own) !== undefined) return ageless
    return typeof own === 'number' && own !== 0 ? this.#codec.decode(cookie, own) : usual
  }

  #encoded(data: SessionData): Committed & { outcome: 'saved' } {
    const cookie = this.#codec.encode(data)
    if (cookie.length > this.#maxSize) throw new SessionTooLargeError(cookie.length, this.#maxSize)
    return { outcome: 'saved', loaded: this.#loaded(data), cookie, replayed: false }
  }

  #loaded(data: SessionData): Loaded {
    const now = this.#now()
    const expires = deadline(this.#expiry, data[EXPIRY_KEY], now, now)
    return { key: null, data, version: 0, createdAt: now, lastActivity: 0, expires }
  }
}
