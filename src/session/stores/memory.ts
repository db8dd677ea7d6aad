import { KeyTakenError, StoreUnavailableError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import {
  type ClearableStore,
  type ClearWhich,
  type CopiedStore,
  type Descendant,
  type EpochRow,
  type EpochStore,
  isForward,
  NotSupportedError,
  type SaveOutcome,
  type SessionRecord,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
  sessionIdOf,
  type UserSession,
  type UserSessionStore,
  type Version,
  withVersion,
} from './store.ts'

const DAY_MS = 86_400_000
const MAX_LARGEST = 10

/**
 * Keeps sessions in the memory of this process: for tests, and for applications of one process that may lose them.
 *
 * @example
 * const store = new MemoryStore({ maxBytes: 64 * 1024 * 1024 })
 */
export class MemoryStore implements CopiedStore, ClearableStore, UserSessionStore, StatisticsStore {
  readonly name = 'memory'
  readonly epochs: EpochStore
  readonly #records = new Map<string, StoredRecord & { version: number }>()
  readonly #now: () => number
  readonly #maxBytes: number
  #bytes = 0
  #closed = false

  /**
   * @param options.now returns milliseconds since 1970; Date.now by default
   * @param options.maxBytes maximum bytes of all session data, unlimited by default; above it the anonymous sessions that
   *   were not used for longest are evicted, then writes throw StoreUnavailableError, because evicting would sign users out
   */
  constructor(options: { now?: () => number; maxBytes?: number } = {}) {
    this.#now = options.now ?? Date.now
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY
    this.epochs = epochsInMemory()
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    const record = this.#live(key)
    return record && { ...record }
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    this.#requireOpen()
    if (this.#records.has(key)) throw new KeyTakenError()
    this.#put(key, withVersion(record, 1))
    return 1
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const current = this.#live(key)
    if (current === undefined) return { outcome: 'missing' }
    if (current.version !== version) return { outcome: 'conflict' }
    const next = withVersion(record, current.version + 1)
    next.createdAt = current.createdAt
    this.#put(key, next)
    return { outcome: 'saved', version: next.version }
  }

  async saveOver(key: string, to: Descendant, epoch: string, { live }: { live: boolean }): Promise<Outcome> {
    const named = (await this.epochs.readEpoch()).epoch
    this.#requireOpen()
    const current = live ? this.#live(key) : this.#records.get(key)
    if (current === undefined) return 'missing'
    if (current.version === to.version) return 'done'
    if (!to.from.includes(current.version) || named !== epoch) return 'conflict'
    const next = withVersion(to.record, to.version)
    next.createdAt = current.createdAt
    this.#put(key, next)
    return 'done'
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    const current = this.#live(key)
    if (current === undefined) return 'missing'
    if (current.version !== version) return 'conflict'
    // Separately, because the caller's object may have more properties.
    current.expires = times.expires
    current.lastActivity = times.lastActivity
    return 'done'
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (version !== undefined) {
      const current = this.#live(key)
      if (current === undefined) return 'missing'
      if (current.version !== version) return 'conflict'
    }
    this.#requireOpen()
    return this.#remove(key) ? 'done' : 'missing'
  }

  async countClearable(which: ClearWhich): Promise<number> {
    return this.#clearable(which).length
  }

  async clearBatch(which: ClearWhich, limit: number, prepare?: (keys: readonly string[]) => Promise<void>) {
    let keys = this.#clearable(which).slice(0, limit)
    if (prepare !== undefined) {
      await prepare(keys)
      // Some may have been touched meanwhile.
      const due = new Set(this.#clearable(which))
      keys = keys.filter((key) => due.has(key))
    }
    for (const key of keys) this.#remove(key)
    return keys.length
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    return this.#entries()
      .filter(([, record]) => record.userId === userId && record.expires > this.#now())
      .map(([key, record]) => {
        const { createdAt, lastActivity, expires, ipAddress, userAgent } = record
        return { key, id: sessionIdOf(key, record), createdAt, lastActivity, expires, ipAddress, userAgent }
      })
      .sort((one, other) => other.lastActivity - one.lastActivity)
  }

  async endByUser(userId: string, exceptId?: string): Promise<number> {
    const keys = this.#entries().filter(
      ([key, record]) => record.userId === userId && sessionIdOf(key, record) !== exceptId,
    )
    for (const [key] of keys) this.#remove(key)
    return keys.length
  }

  async statistics(prefix?: string): Promise<StoreStatistics> {
    const now = this.#now()
    const all = this.#entries().flatMap(([, record]) => (isForward(record) ? [] : [record]))
    const live = all.filter((record) => record.expires > now)
    const youngerThan = (age: number) => live.filter((record) => record.createdAt > now - age).length
    return {
      total: all.length,
      live: live.length,
      expired: all.length - live.length,
      authenticated: live.filter((record) => record.userId !== null).length,
      ages: {
        underDay: youngerThan(DAY_MS),
        underWeek: youngerThan(7 * DAY_MS) - youngerThan(DAY_MS),
        overWeek: live.length - youngerThan(7 * DAY_MS),
      },
      ...(prefix === undefined ? {} : { beginning: live.filter(({ data }) => data.startsWith(prefix)).length }),
      largest: live
        .map(({ data, userId, createdAt, lastActivity }) => ({
          bytes: Buffer.byteLength(data),
          userId,
          createdAt,
          lastActivity,
        }))
        .sort((one, other) => other.bytes - one.bytes)
        .slice(0, MAX_LARGEST),
    }
  }

  /** Drops all sessions; afterwards every call throws StoreUnavailableError. */
  async close(): Promise<void> {
    this.#closed = true
    this.#records.clear()
    this.#bytes = 0
  }

  #put(key: string, record: StoredRecord & { version: number }): void {
    const grown = Buffer.byteLength(record.data) - this.#bytesOf(key)
    if (this.#bytes + grown > this.#maxBytes) {
      for (const expired of this.#clearable({ kind: 'expired', before: this.#now() })) this.#remove(expired)
    }
    if (this.#bytes + grown > this.#maxBytes) this.#evictAnonymous(this.#bytes + grown - this.#maxBytes, key)
    if (this.#bytes + grown > this.#maxBytes) {
      throw new StoreUnavailableError(new RangeError(`The memory store is full: its limit is ${this.#maxBytes} bytes`))
    }
    this.#records.set(key, record)
    this.#bytes += grown
  }

  /** Makes room of so many bytes, unless the anonymous sessions have less. */
  #evictAnonymous(bytes: number, exceptKey: string): void {
    const anonymous = this.#entries()
      .filter(([key, record]) => key !== exceptKey && record.userId === null && !isForward(record))
      .sort(([, one], [, other]) => one.lastActivity - other.lastActivity)
    const enough = anonymous.reduce((sum, [key]) => sum + this.#bytesOf(key), 0) >= bytes
    const target = this.#bytes - bytes
    for (const [key] of enough ? anonymous : []) if (this.#bytes > target) this.#remove(key)
  }

  #remove(key: string): boolean {
    this.#bytes -= this.#bytesOf(key)
    return this.#records.delete(key)
  }

  #bytesOf(key: string): number {
    return Buffer.byteLength(this.#records.get(key)?.data ?? '')
  }

  #clearable(which: ClearWhich): string[] {
    if (which.kind === 'orphaned')
      throw new NotSupportedError('The memory store has no table of users, so orphaned sessions cannot be found.')
    return this.#entries()
      .filter(([, record]) => {
        if (which.kind === 'expired') return record.expires <= which.before
        if (isForward(record)) return false
        if (which.kind === 'created') return record.createdAt < which.before
        if (which.kind === 'inactive') return record.lastActivity < which.before
        return record.userId === which.userId
      })
      .map(([key]) => key)
  }

  #live(key: string) {
    this.#requireOpen()
    const record = this.#records.get(key)
    return record !== undefined && record.expires > this.#now() ? record : undefined
  }

  #entries() {
    this.#requireOpen()
    return [...this.#records]
  }

  #requireOpen(): void {
    if (this.#closed) throw new StoreUnavailableError()
  }
}

function epochsInMemory(): EpochStore {
  let row: EpochRow = { epoch: '', server: '' }
  return {
    readEpoch: async () => row,
    async changeEpoch(from, to) {
      if (row.epoch !== from) return false
      row = to
      return true
    },
  }
}
