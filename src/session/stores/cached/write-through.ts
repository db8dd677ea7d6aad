import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import {
  type CopiedStore,
  isForward,
  type SaveOutcome,
  type SessionRecord,
  type StoredRecord,
  type Version,
  withVersion,
} from '../store.ts'
import type { CachedCopies } from './cached-copies.ts'
import type { SaveStrategy } from './cached-database.ts'

/** Options for {@link WriteThrough}. */
export interface WriteThroughOptions {
  readonly database: CopiedStore
  readonly copies: CachedCopies
  /** Whether a save removes the copy instead of replacing it. */
  readonly removeOnSave: boolean
  readonly observe: Observer
}

/** Saves to the database first, and then replaces or removes the copy. While the cache is down, only the database is used. */
export class WriteThrough implements SaveStrategy {
  readonly #database: CopiedStore
  readonly #copies: CachedCopies
  readonly #removeOnSave: boolean
  readonly #observe: Observer

  constructor({ database, copies, removeOnSave, observe }: WriteThroughOptions) {
    this.#database = database
    this.#copies = copies
    this.#removeOnSave = removeOnSave
    this.#observe = observe
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    const copy = await this.#copies.get(key)
    if (copy === 'miss') return await this.#copies.fill(key, () => this.#database.load(key))
    if (copy !== 'unsure') return copy
    this.#observe({ type: 'fallback' })
    return await this.#database.load(key)
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (this.#removeOnSave) return await this.#database.create(key, record)
    let version: Version = ''
    await this.#copies.fill(key, async () => {
      version = await this.#database.create(key, record)
      return withVersion(record, version)
    })
    return version
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const save = () => this.#database.save(key, version, record)
    // A change of key ends what the old key opens.
    if (isForward(record)) return await this.#copies.end(key, save)
    const result = await this.#copies.change(key, save)
    // A conflict may be caused by a stale copy.
    if (result.outcome === 'conflict') await this.#copies.remove(key, version)
    else if (result.outcome === 'missing' || this.#removeOnSave) await this.#copies.remove(key)
    else await this.#copies.replace(key, version, withVersion(record, result.version))
    return result
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    const outcome = await this.#copies.change(key, () => this.#database.touch(key, version, times))
    await this.#copies.remove(key)
    return outcome
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    return await this.#copies.end(key, () => this.#database.delete(key, version))
  }
}
