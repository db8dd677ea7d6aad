import { join } from 'node:path'
import { KeyTakenError } from '../../core/errors.ts'
import type { Outcome } from '../../core/outcome.ts'
import { countRecords } from '../count-records.ts'
import {
  type ClearableStore,
  type ClearWhich,
  isForward,
  NotSupportedError,
  type SaveOutcome,
  type SessionRecord,
  type SessionStore,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
  type Version,
  withVersion,
} from '../store.ts'
import { type FileLayout, type Found, walk } from './file-layouts.ts'
import { withFileLock } from './file-lock.ts'
import {
  type FileContent,
  orUnavailable,
  prepareFolder,
  readPlainFile,
  removeFile,
  removeLeftovers,
  replaceFile,
  requireFolder,
  WORK_FOLDER,
} from './file-write.ts'

/** A record with its key, which is empty if the file does not contain it. */
export interface FileRecord {
  readonly key: string
  readonly record: StoredRecord
}

/** Options for every file store. */
export interface FileOptions {
  /** Milliseconds to wait for the lock of a session's file; 5000 by default. */
  readonly timeout?: number
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const DEFAULT_TIMEOUT_MS = 5000

/** The format of the files. */
export interface FileFormat {
  /** Whether user, creation time and last activity are kept. */
  readonly keepsMetadata: boolean
  /** A safe file name; undefined for a key that cannot have a record. */
  nameOf(key: string): string | undefined
  isName(name: string): boolean
  /** The version of a record that will be written. */
  nextVersion(record: SessionRecord): Version
  write(key: string, record: StoredRecord): FileContent
  /** Never throws: invalid content becomes a record without data, which every codec refuses. */
  read(name: string, bytes: Buffer, modified: () => Promise<number>): Promise<FileRecord>
}

/**
 * Keeps each session in a separate file. Loads need no lock, because files are replaced as a whole; changes use a lock
 * between processes. Call `prepare` before the first use.
 */
export class FileRecords implements SessionStore, ClearableStore, StatisticsStore {
  readonly name = 'file'
  readonly #folder: string
  readonly #layout: FileLayout
  readonly #format: FileFormat
  readonly #now: () => number
  readonly #timeout: number
  #paused: { which: string; found: AsyncGenerator<Found> } | undefined

  constructor(
    folder: string,
    layout: FileLayout,
    format: FileFormat,
    { now = Date.now, timeout = DEFAULT_TIMEOUT_MS }: FileOptions,
  ) {
    this.#folder = folder
    this.#layout = layout
    this.#format = format
    this.#now = now
    this.#timeout = timeout
  }

  /**
   * Creates and checks the folder.
   *
   * @throws Error that says what to do if sessions cannot be kept there, or not safely
   */
  async prepare(): Promise<void> {
    await prepareFolder(this.#folder)
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    const name = this.#format.nameOf(key)
    return name === undefined ? undefined : await orUnavailable(() => this.#live(name))
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    const version = this.#format.nextVersion(record)
    return await this.#locked(key, undefined, async (name, confirm) => {
      if ((await this.#read(name)) !== undefined) throw new KeyTakenError()
      const path = this.#layout.place(name, record.createdAt)
      await replaceFile(this.#folder, path, this.#format.write(key, withVersion(record, version)), confirm)
      await this.#layout.link?.(name, record.createdAt)
      return version
    })
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const missing: SaveOutcome = { outcome: 'missing' }
    const work = async (name: string, confirm: () => Promise<void>): Promise<SaveOutcome> => {
      const current = await this.#live(name)
      if (current === undefined) return missing
      if (current.version !== version) return { outcome: 'conflict' }
      const next = this.#format.nextVersion(record)
      const saved = withVersion(record, next)
      saved.createdAt = current.createdAt
      await this.#replace(key, name, saved, confirm)
      return { outcome: 'saved', version: next }
    }
    // After a conflict the caller reads the record and saves again.
    return await this.#locked(key, missing, work, ({ outcome }) => outcome === 'conflict')
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    return await this.#locked<Outcome>(key, 'missing', async (name, confirm) => {
      const current = await this.#live(name)
      if (current === undefined) return 'missing'
      if (current.version !== version) return 'conflict'
      const { expires, lastActivity } = times
      await this.#replace(key, name, { ...current, expires, lastActivity }, confirm)
      return 'done'
    })
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    return await this.#locked<Outcome>(key, 'missing', async (name, confirm) => {
      const current = await (version === undefined ? this.#read(name) : this.#live(name))
      if (current === undefined) return 'missing'
      if (version !== undefined && current.version !== version) return 'conflict'
      const path = await this.#layout.find(name)
      if (path !== undefined) await this.#remove(name, path, confirm)
      return 'done'
    })
  }

  async countClearable(which: ClearWhich): Promise<number> {
    const isDue = this.#condition(which)
    return await orUnavailable(async () => {
      let count = 0
      for await (const { record } of this.#all()) if (isDue(record)) count++
      return count
    })
  }

  async clearBatch(which: ClearWhich, limit: number): Promise<number> {
    const isDue = this.#condition(which)
    return await orUnavailable(async () => {
      await requireFolder(this.#folder)
      let cleared = 0
      const resumed = await this.#resume(JSON.stringify(which))
      // Only a walk from the beginning proves that none are left.
      for (const found of resumed === undefined ? [this.#walk(true)] : [resumed, this.#walk(true)]) {
        cleared += await this.#clearFrom(found, limit - cleared, isDue)
        if (cleared < limit) continue
        this.#paused = { which: JSON.stringify(which), found }
        break
      }
      if (cleared < limit) await removeLeftovers(this.#folder)
      return cleared
    })
  }

  async statistics(prefix?: string): Promise<StoreStatistics> {
    return await orUnavailable(() => countRecords(this.#all(), this.#now(), this.#format.keepsMetadata, prefix))
  }

  /** Releases the folder of a paused clear. */
  async close(): Promise<void> {
    await this.#resume('')
  }

  async #live(name: string): Promise<StoredRecord | undefined> {
    const record = await this.#read(name)
    return record !== undefined && record.expires > this.#now() ? record : undefined
  }

  async #read(name: string): Promise<StoredRecord | undefined> {
    const path = await this.#layout.find(name)
    const kept = path === undefined ? undefined : await this.#readAt(name, path)
    if (kept === undefined) await requireFolder(this.#folder)
    return kept?.record
  }

  async #readAt(name: string, path: string): Promise<FileRecord | undefined> {
    return await readPlainFile(path, (bytes, modified) => this.#format.read(name, bytes, modified))
  }

  async #replace(key: string, name: string, record: StoredRecord, confirm: () => Promise<void>): Promise<void> {
    const path = (await this.#layout.find(name)) ?? this.#layout.place(name, record.createdAt)
    await replaceFile(this.#folder, path, this.#format.write(key, record), confirm)
  }

  async #remove(name: string, path: string, confirm: () => Promise<void>): Promise<void> {
    await confirm()
    if ((await this.#layout.find(name)) === path) await this.#layout.unlink?.(name)
    await removeFile(this.#folder, path)
  }

  /** `otherwise` is the result for keys that cannot have a record; undefined throws a RangeError. */
  async #locked<T>(
    key: string,
    otherwise: T | undefined,
    work: (name: string, confirm: () => Promise<void>) => Promise<T>,
    comesBack?: (result: T) => boolean,
  ): Promise<T> {
    const name = this.#format.nameOf(key)
    if (name !== undefined) return await this.#lockedName(name, (confirm) => work(name, confirm), comesBack)
    if (otherwise === undefined) throw new RangeError('This is not a key of a codec')
    return otherwise
  }

  async #lockedName<T>(
    name: string,
    work: (confirm: () => Promise<void>) => Promise<T>,
    comesBack?: (result: T) => boolean,
  ): Promise<T> {
    const path = join(this.#folder, WORK_FOLDER, `${name}.lock`)
    return await orUnavailable(() => withFileLock(path, this.#timeout, work, comesBack))
  }

  async #clearFrom(
    found: AsyncGenerator<Found>,
    limit: number,
    isDue: (record: StoredRecord) => boolean,
  ): Promise<number> {
    let cleared = 0
    try {
      while (cleared < limit) {
        const next = await found.next()
        if (next.done) break
        if (await this.#clear(next.value, isDue)) cleared++
      }
      return cleared
    } catch (error) {
      await found.return(undefined)
      throw error
    }
  }

  /** Returns whether it deleted a record. */
  async #clear({ name, path, isLink }: Found, isDue: (record: StoredRecord) => boolean): Promise<boolean> {
    if (isLink) return await this.#clearLink(name)
    const seen = await this.#readAt(name, path)
    if (seen === undefined || !isDue(seen.record)) return false
    return await this.#lockedName(name, async (confirm) => {
      const kept = await this.#readAt(name, path)
      if (kept === undefined || !isDue(kept.record)) return false
      await this.#remove(name, path, confirm)
      return true
    })
  }

  /** Removes a link without a record, left by a killed process. */
  async #clearLink(name: string): Promise<false> {
    const isDangling = async () => {
      const path = await this.#layout.find(name)
      return path !== undefined && (await this.#readAt(name, path)) === undefined
    }
    if (!(await isDangling())) return false
    await this.#lockedName(name, async (confirm) => {
      if (!(await isDangling())) return
      await confirm()
      await this.#layout.unlink?.(name)
    })
    return false
  }

  async *#all(): AsyncGenerator<FileRecord> {
    await requireFolder(this.#folder)
    for await (const { name, path, isLink } of this.#walk(false)) {
      const kept = isLink ? undefined : await this.#readAt(name, path)
      if (kept !== undefined) yield kept
    }
  }

  #walk(tidy: boolean): AsyncGenerator<Found> {
    return walk(this.#folder, (name) => this.#format.isName(name), tidy)
  }

  /** The walk at which the last batch stopped, if its condition was the same, so that batches do not restart. */
  async #resume(which: string): Promise<AsyncGenerator<Found> | undefined> {
    const halted = this.#paused
    this.#paused = undefined
    if (halted?.which === which) return halted.found
    await halted?.found.return(undefined)
    return undefined
  }

  #condition(which: ClearWhich): (record: StoredRecord) => boolean {
    if (which.kind === 'orphaned') {
      throw new NotSupportedError('The file store has no table of users, so orphaned sessions cannot be found.')
    }
    if (which.kind === 'expired') return (record) => record.expires <= which.before
    if (!this.#format.keepsMetadata) {
      throw new NotSupportedError("Django's session files have no user, creation time or last activity to clear by.")
    }
    if (which.kind === 'created') return (record) => record.createdAt < which.before && !isForward(record)
    if (which.kind === 'inactive') return (record) => record.lastActivity < which.before && !isForward(record)
    return (record) => record.userId === which.userId
  }
}
