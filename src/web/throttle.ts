import type { Context } from 'koa'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'

/** Options for {@link Throttle}. */
export interface ThrottleOptions {
  /** Max attempts within {@link ThrottleOptions.window}. */
  readonly attempts: number
  /** Seconds. */
  readonly window: number
}

/** Limits attempts per client or user; counted in the memory of this process. */
export class Throttle {
  readonly #limiter: RateLimiterMemory

  constructor({ attempts, window }: ThrottleOptions) {
    this.#limiter = new RateLimiterMemory({ points: attempts, duration: window })
  }

  /** @throws HttpError 429 with Retry-After after too many attempts */
  async attempt(ctx: Context, key: string): Promise<void> {
    try {
      await this.#limiter.consume(key)
    } catch (refusal) {
      const seconds = Math.ceil(((refusal as RateLimiterRes).msBeforeNext ?? 60_000) / 1000)
      ctx.throw(429, 'Too many attempts. Please try again later.', { headers: { 'Retry-After': String(seconds) } })
    }
  }

  async reset(key: string): Promise<void> {
    await this.#limiter.delete(key)
  }
}
