import { write, writeSync } from 'node:fs'
import type { DestinationStream } from 'pino'

// While the reader of the log stands still, or its disk is full; later lines are dropped.
const MAX_WAITING_BYTES = 1_048_576
const RETRY_MS = 100
// At the end of the process nothing waits longer for a reader.
const MAX_FLUSH_MS = 1000

/**
 * Writes lines in the background, those of one turn of the event loop together: neither a full disk nor a reader that
 * stands still stops the application. Pino's own destination repeats a failed write for ever when the process ends.
 */
export class LogOutput implements DestinationStream {
  readonly #file: number
  #lines: string[] = []
  /** What is being written, or was not written because of an error. */
  #chunk = Buffer.alloc(0)
  #bytes = 0
  /** When the write under way began. */
  #begun = Number.POSITIVE_INFINITY
  #scheduled = false
  #dropped = 0

  /** @param file an open file descriptor */
  constructor(file: number) {
    this.#file = file
    process.on('exit', () => this.flushSync())
  }

  /** How many lines were dropped. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > MAX_WAITING_BYTES) this.#dropped++
    else {
      this.#lines.push(line)
      this.#bytes += bytes
    }
    // Also when it was dropped: there may be space again.
    this.#schedule()
  }

  /** Writes what waits before the process ends; gives up after an error or a second. */
  flushSync(): void {
    const begun = performance.now()
    // Nothing reads: a write to a pipe would wait for ever.
    if (begun - this.#begun > MAX_FLUSH_MS) return
    while (this.#take() && performance.now() - begun < MAX_FLUSH_MS) {
      try {
        this.#written(writeSync(this.#file, this.#chunk))
      } catch (error) {
        if (!isBusy(error)) return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      }
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#writeNext())
  }

  #writeNext(): void {
    if (!this.#take()) {
      this.#scheduled = false
      return
    }
    const chunk = this.#chunk
    // Not again by flushSync, unless it fails.
    this.#chunk = Buffer.alloc(0)
    this.#begun = performance.now()
    write(this.#file, chunk, (error, written) => {
      this.#begun = Number.POSITIVE_INFINITY
      this.#chunk = Buffer.concat([chunk, this.#chunk])
      if (error === null) {
        this.#written(written)
        this.#writeNext()
      } else if (isBusy(error)) setTimeout(() => this.#writeNext(), RETRY_MS)
      // The next line tries again.
      else this.#scheduled = false
    })
  }

  /** Whether there is something to write. */
  #take(): boolean {
    if (this.#chunk.length === 0 && this.#lines.length > 0) {
      this.#chunk = Buffer.from(this.#lines.join(''))
      this.#lines = []
    }
    return this.#chunk.length > 0
  }

  #written(bytes: number): void {
    this.#chunk = this.#chunk.subarray(bytes)
    this.#bytes -= bytes
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN'
}
