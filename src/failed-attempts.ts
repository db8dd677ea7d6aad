import type { Knex } from 'knex'
import { z } from 'zod'
import { isDeadlock, isDuplicate, toStoreError } from './session/core/error-codes.ts'
import { SessionContendedError } from './session/core/errors.ts'
import { KeyedQueue } from './session/core/queue.ts'
import { retry } from './session/core/retry.ts'

const TABLE = 'failed_attempts'
const CLEAR_BATCH = 500
// From the tenth failure in a row on, the next attempt waits a second, then twice as long each time.
const DELAYED_FROM = 10
const FIRST_DELAY_MS = 1000
const MAX_DELAY_MS = 15 * 60_000
const MAX_RETRIES = 10
const CONTENDED: Refusal = { wait: 1000, spent: false }

/** How attempts under one counter are limited. */
export interface Limit {
  /** Max failures; further attempts are refused until the counter expires. */
  readonly max: number
  /** Milliseconds from the first failure until the counter expires; `Infinity`: never. */
  readonly window: number
  /**
   * True: failures in a row are followed by growing delays, and a success sets the counter to 0. False: a success only
   * takes back its own attempt.
   */
  readonly consecutive: boolean
}

/** What is counted, and its limit. */
export interface Counter {
  readonly name: string
  readonly limit: Limit
}

/** Why an attempt is refused, and for how many milliseconds. */
export interface Refusal {
  readonly wait: number
  /** Whether the max is reached; otherwise it is a delay. */
  readonly spent: boolean
}

const row = z.object({
  failures: z.coerce.number().int(),
  next_at: z.coerce.number().int(),
  expires: z.coerce.number().int(),
})
type Row = z.infer<typeof row>

/**
 * Counters of failed attempts in the database. An attempt counts as failed from its reservation on, so that of any number
 * at once, in any number of processes, no more than allowed are tried; a success is taken back.
 */
export class FailedAttempts {
  readonly #knex: Knex
  readonly #now: () => number
  // Of n attempts at once all but one would lose each round, which takes n² statements.
  readonly #turns = new KeyedQueue<Refusal>()

  constructor(knex: Knex, now: () => number = Date.now) {
    this.#knex = knex
    this.#now = now
  }

  /** The refusal of an attempt that would be made now, without making it. */
  async refusal({ name, limit }: Counter): Promise<Refusal | undefined> {
    return refusalOf(await this.#read(name), limit, this.#now())
  }

  /** Counts an attempt as failed, unless it is refused; also if other processes are counting all the time. */
  async reserve(counter: Counter): Promise<Refusal | undefined> {
    return await this.#turns.run(counter.name, () =>
      this.#reserve(counter).catch((error: unknown) => {
        if (error instanceof SessionContendedError) return CONTENDED
        throw toStoreError(error)
      }),
    )
  }

  /** Takes a reservation back, after a success. */
  async takeBack({ name, limit }: Counter): Promise<void> {
    if (limit.consecutive) await this.forget(name)
    else await this.#knex(TABLE).where({ counter: name }).where('failures', '>', 0).decrement('failures')
  }

  /** Sets a counter to 0. */
  async forget(name: string): Promise<void> {
    await this.#knex(TABLE).where({ counter: name }).delete()
  }

  /** Deletes the counters that have expired by `now` (milliseconds since 1970), in batches. */
  async clear(now: number, signal?: AbortSignal): Promise<void> {
    for (let found = CLEAR_BATCH; found === CLEAR_BATCH && !signal?.aborted; ) {
      const names: string[] = await this.#knex(TABLE).where('expires', '<=', now).limit(CLEAR_BATCH).pluck('counter')
      // One that has started again meanwhile stays.
      await this.#knex(TABLE).whereIn('counter', names).where('expires', '<=', now).delete()
      found = names.length
    }
  }

  async #reserve({ name, limit }: Counter): Promise<Refusal | undefined> {
    const { refusal } = await retry(async () => {
      const now = this.#now()
      const before = await this.#read(name)
      const refusal = refusalOf(before, limit, now)
      // If another process has counted meanwhile, this attempt is decided again.
      const decided = refusal !== undefined || (await this.#replace(name, before, afterFailure(before, limit, now)))
      return decided ? { refusal } : undefined
    }, MAX_RETRIES)
    return refusal
  }

  async #read(name: string): Promise<Row | undefined> {
    const found: unknown = await this.#knex(TABLE).where({ counter: name }).first('failures', 'next_at', 'expires')
    return found === undefined ? undefined : row.parse(found)
  }

  /** Returns false if the row is no longer as it was read. */
  async #replace(name: string, before: Row | undefined, after: Row): Promise<boolean> {
    try {
      if (before === undefined) await this.#knex(TABLE).insert({ counter: name, ...after })
      else
        return (
          (await this.#knex(TABLE)
            .where({ counter: name, ...before })
            .update(after)) > 0
        )
      return true
    } catch (error) {
      if (isDuplicate(error) || isDeadlock(error)) return false
      throw error
    }
  }
}

function refusalOf(found: Row | undefined, { max }: Limit, now: number): Refusal | undefined {
  if (found === undefined || found.expires <= now) return undefined
  if (found.failures >= max) return { wait: found.expires - now, spent: true }
  return found.next_at > now ? { wait: found.next_at - now, spent: false } : undefined
}

function afterFailure(found: Row | undefined, { window, consecutive }: Limit, now: number): Row {
  const live = found !== undefined && found.expires > now ? found : undefined
  const failures = (live?.failures ?? 0) + 1
  return {
    failures,
    // 0 without a delay: the clock of another process may be behind.
    next_at: consecutive && failures >= DELAYED_FROM ? now + delayAfter(failures) : 0,
    expires: live?.expires ?? Math.min(now + window, Number.MAX_SAFE_INTEGER),
  }
}

function delayAfter(failures: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (failures - DELAYED_FROM), MAX_DELAY_MS)
}
