import type { Context } from 'koa'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'

/** How often something may be tried. */
export interface ThrottleOptions {
  readonly attempts: number
  /** Seconds in which they count. */
  readonly within: number
}

/** Counts attempts by what identifies who tries, in this process's memory. */
export class Throttle {
  readonly #limiter: RateLimiterMemory

  constructor({ attempts, within }: ThrottleOptions) {
    this.#limiter = new RateLimiterMemory({ points: attempts, duration: within })
  }

  /** @throws HttpError 429 with Retry-After when there were too many */
  async attempt(ctx: Context, who: string): Promise<void> {
    try {
      await this.#limiter.consume(who)
    } catch (refusal) {
      const seconds = Math.ceil(((refusal as RateLimiterRes).msBeforeNext ?? 60_000) / 1000)
      ctx.throw(429, 'Too many attempts. Please try again later.', { headers: { 'Retry-After': String(seconds) } })
    }
  }

  async forget(who: string): Promise<void> {
    await this.#limiter.delete(who)
  }
}
