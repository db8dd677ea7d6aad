import type { EpochRow, EpochStore } from '../store.ts'

/** Milliseconds for which a process goes by a row that it has read. */
export const MAX_ROW_AGE_MS = 750
const REFRESH_AFTER_MS = 250

/** Options for {@link KnownEpochRow}. */
export interface KnownEpochRowOptions {
  readonly epochs: EpochStore
  /** Called after each reading; the first reading waits for it. */
  readonly onRead: (row: EpochRow) => Promise<void>
  /** Called when this process sees that a cache is no longer in force; with the milliseconds since it first saw it. */
  readonly onEnd: (lasted: number) => void
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

interface Started {
  readonly at: number
  readonly wall: number
}

/** The row of the epoch as this process knows it: at most 750 ms old, counted from when its reading began. */
export class KnownEpochRow {
  readonly #epochs: EpochStore
  readonly #onRead: (row: EpochRow) => Promise<void>
  readonly #onEnd: (lasted: number) => void
  readonly #now: () => number
  #latest: (Started & { readonly row: EpochRow }) | undefined
  #reading: (Started & { readonly row: Promise<EpochRow> }) | undefined
  /** A reading that begins when the present one ends. */
  #next: Promise<EpochRow> | undefined
  // Without an epoch nothing was ever copied, so nobody has to wait.
  #seen = { epoch: '', server: '', at: Number.NEGATIVE_INFINITY }

  constructor({ epochs, onRead, onEnd, now }: KnownEpochRowOptions) {
    this.#epochs = epochs
    this.#onRead = onRead
    this.#onEnd = onEnd
    this.#now = now
  }

  /** The latest reading, however old; undefined if there was none. */
  get latest(): EpochRow | undefined {
    return this.#latest?.row
  }

  /** When this process first saw the latest epoch (performance.now). */
  get seenAt(): number {
    return this.#seen.at
  }

  /** Returns a row that is young enough, without a promise; undefined if {@link read} must be awaited. */
  young(): EpochRow | undefined {
    const latest = this.#latest
    if (latest === undefined || !this.#isYoung(latest)) return undefined
    if (performance.now() - latest.at > REFRESH_AFTER_MS && !this.#isYoung(this.#reading)) {
      void this.refresh().catch(() => {})
    }
    return latest.row
  }

  /** Returns a row that is young enough. @throws StoreUnavailableError if the database does not answer */
  async read(): Promise<EpochRow> {
    const reading = this.#isYoung(this.#reading) ? this.#reading : undefined
    return this.young() ?? (await (reading?.row ?? this.refresh()))
  }

  /** Reads the row, from after the call. @throws StoreUnavailableError */
  async refresh(): Promise<EpochRow> {
    const reading = this.#reading
    if (reading === undefined || !this.#isYoung(reading)) return await this.#begin()
    // Shared: when the cache fails, many requests want to know at once.
    this.#next ??= Promise.allSettled([reading.row]).then(() => {
      this.#next = undefined
      return this.#begin()
    })
    return await this.#next
  }

  /** Changes the row if it is still `from`; returns whether it did. @throws StoreUnavailableError */
  async change(from: EpochRow, row: EpochRow): Promise<boolean> {
    const started = this.#start()
    const isChanged = await this.#epochs.changeEpoch(from.epoch, row)
    if (isChanged) this.#keep(started, row)
    // Not read here: a reading may be waiting for this.
    else if (this.#latest?.row.epoch === from.epoch) this.#latest = { ...this.#latest, at: Number.NEGATIVE_INFINITY }
    return isChanged
  }

  #begin(): Promise<EpochRow> {
    const started = this.#start()
    const row = this.#read(started)
    this.#reading = { ...started, row }
    return row
  }

  async #read(started: Started): Promise<EpochRow> {
    try {
      const row = await this.#epochs.readEpoch()
      this.#keep(started, row)
      // The first copies are made at once.
      if (row.epoch === '') await this.#onRead(row)
      else void this.#onRead(row)
      return this.#latest?.row ?? row
    } finally {
      if (this.#reading?.at === started.at) this.#reading = undefined
    }
  }

  /** Readings may end in another order than they began in. */
  #keep(started: Started, row: EpochRow): void {
    if (this.#latest !== undefined && this.#latest.at > started.at) return
    this.#latest = { ...started, row }
    if (row.epoch === this.#seen.epoch) return
    const now = performance.now()
    if (this.#seen.server !== '') this.#onEnd(now - this.#seen.at)
    this.#seen = { ...row, at: now }
  }

  #start(): Started {
    return { at: performance.now(), wall: this.#now() }
  }

  /** By both clocks, because one of them stands still while a machine sleeps. */
  #isYoung(started: Started | undefined): boolean {
    if (started === undefined) return false
    const age = Math.max(performance.now() - started.at, Math.abs(this.#now() - started.wall))
    return age < MAX_ROW_AGE_MS
  }
}
