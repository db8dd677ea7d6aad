import { StoreUnavailableError } from '../../core/errors.ts'
import type { AheadEntry, AheadIndex, CacheEntry } from '../cache.ts'
import { unpack } from '../frame.ts'
import type { RedisClient } from './redis-client.ts'
import {
  DROP,
  EXPIRY_MARGIN_MS,
  FIND_AHEAD,
  LIST_AHEAD,
  packWithLife,
  type RedisScript,
  SWAP_AHEAD,
  WRITTEN,
} from './redis-scripts.ts'

/** Options for {@link RedisAhead}. */
export interface RedisAheadOptions {
  /** Of a single server: the scripts use two keys. */
  readonly client: RedisClient
  /** The key of the index. */
  readonly index: string
  /** Called after a key was changed. */
  readonly invalidate: (key: string) => void
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

/** The index of a Redis' entries that are ahead of a database: a hash of their versions. */
export class RedisAhead implements AheadIndex {
  readonly #client: RedisClient
  readonly #index: string
  readonly #invalidate: (key: string) => void
  readonly #now: () => number

  constructor({ client, index, invalidate, now }: RedisAheadOptions) {
    this.#client = client
    this.#index = index
    this.#invalidate = invalidate
    this.#now = now
  }

  async swap(key: string, version: string, entry: CacheEntry) {
    const now = this.#now()
    const args = [String(now), version, ...packWithLife(entry, now), this.#index, entry.version]
    try {
      const [outcome = '', from = '', expires = ''] = (await this.#list(SWAP_AHEAD, key, args)).map(String)
      if (outcome === 'done') return { outcome, from: from.split(','), expires: Number(expires) } as const
      if (outcome === 'missing' || outcome === 'conflict') return { outcome } as const
    } finally {
      this.#invalidate(key)
    }
    throw unexpectedReply()
  }

  async find(key: string): Promise<AheadEntry | undefined> {
    return entriesIn(await this.#list(FIND_AHEAD, key, [this.#index]))[0]
  }

  async list(minAge: number, limit: number): Promise<AheadEntry[]> {
    return entriesIn(await this.#list(LIST_AHEAD, this.#index, [String(minAge), String(limit)]))
  }

  async written(key: string, version: string, life: number): Promise<void> {
    const args = [String(this.#now()), this.#index, version, String(Math.ceil(life + EXPIRY_MARGIN_MS))]
    await this.#client.run(WRITTEN, key, args)
  }

  async drop(key: string, version: string): Promise<void> {
    await this.#client.run(DROP, key, [this.#index, version])
  }

  async #list(script: RedisScript, key: string, args: (string | Buffer)[]): Promise<unknown[]> {
    const reply = await this.#client.run(script, key, args)
    if (!Array.isArray(reply)) throw unexpectedReply()
    return reply
  }
}

function entriesIn(reply: readonly unknown[]): AheadEntry[] {
  const entries: AheadEntry[] = []
  for (let at = 0; at + 2 < reply.length; at += 3) {
    const [key, versions, bytes] = reply.slice(at, at + 3)
    const from = String(versions).split(',')
    const version = from.pop() ?? ''
    const entry = Buffer.isBuffer(bytes) ? unpack(bytes) : undefined
    entries.push({ key: String(key), from, version, entry: entry?.version === version ? entry : undefined })
  }
  return entries
}

function unexpectedReply(): StoreUnavailableError {
  return new StoreUnavailableError(new TypeError('A script on Redis returned an unexpected answer'), { answered: true })
}
