import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'
import { droppedLogLines } from '../../log.ts'

/** How long callbacks waited for the event loop, in milliseconds. */
export interface Delay {
  readonly p99: number
  readonly max: number
}

/** Garbage collection, during which nothing else ran. */
export interface Collection {
  /** Of the time, 0 to 1. */
  readonly share: number
  /** The longest pause in milliseconds. */
  readonly longest: number
}

/** The memory of this process in bytes; the delay of its event loop and its garbage collection in the last minute. */
export interface ProcessUse {
  readonly resident: number
  readonly heapUsed: number
  readonly external: number
  /** Undefined until it was measured. */
  readonly delay: Delay | undefined
  readonly collection: Collection
}

interface Interval {
  /** By `performance.now()`. */
  readonly from: number
  readonly delay: Delay | undefined
  readonly collecting: number
  readonly longestPause: number
}

// Node.js measures with a timer, whose own interval is in every value.
const RESOLUTION_MS = 20
const INTERVAL_MS = 10_000
const KEPT = 6

/** Measures this process. */
export class ProcessFigures {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #pauses = new PerformanceObserver((list) => this.#collected(list.getEntries()))
  readonly #intervals: Interval[] = []
  #from = performance.now()
  #collecting = 0
  #longestPause = 0
  #collectingBefore = 0

  /** Begins to measure; does not keep the process running. */
  start(): void {
    this.#histogram.enable()
    this.#pauses.observe({ entryTypes: ['gc'] })
    setInterval(() => this.#take(), INTERVAL_MS).unref()
  }

  read(): ProcessUse {
    const { rss: resident, heapUsed, external } = process.memoryUsage()
    const measured = [...this.#intervals, this.#current()]
    const delays = measured.flatMap((interval) => interval.delay ?? [])
    const highest = (name: keyof Delay) => Math.max(...delays.map((delay) => delay[name]))
    const delay = delays.length === 0 ? undefined : { p99: highest('p99'), max: highest('max') }
    const elapsed = performance.now() - Math.min(...measured.map(({ from }) => from))
    const collecting = measured.reduce((sum, interval) => sum + interval.collecting, 0)
    const longest = Math.max(...measured.map(({ longestPause }) => longestPause))
    return { resident, heapUsed, external, delay, collection: { share: collecting / Math.max(elapsed, 1), longest } }
  }

  /** Adds the figures to every scrape. */
  register(registry: Registry): void {
    const registers = [registry]
    const read = () => this.read()
    const collecting = () => this.#collectingBefore + this.#collecting
    new Gauge({
      name: 'holdfast_process_memory_bytes',
      help: 'Memory of this process: resident; used of the heap; external, such as buffers.',
      labelNames: ['kind'],
      registers,
      collect() {
        const { resident, heapUsed, external } = read()
        for (const [kind, bytes] of Object.entries({ resident, heap_used: heapUsed, external }))
          this.set({ kind }, bytes)
      },
    })
    new Counter({
      name: 'holdfast_process_gc_seconds_total',
      help: 'Time that garbage collection took, during which nothing else ran.',
      registers,
      collect() {
        this.reset()
        this.inc(collecting() / 1000)
      },
    })
    new Gauge({
      name: 'holdfast_event_loop_delay_seconds',
      help: 'How long callbacks waited for the event loop in the last minute, in its worst ten seconds.',
      labelNames: ['quantile'],
      registers,
      collect() {
        const { delay } = read()
        if (delay === undefined) return
        this.set({ quantile: '0.99' }, delay.p99 / 1000)
        this.set({ quantile: '1' }, delay.max / 1000)
      },
    })
    new Counter({
      name: 'holdfast_log_lines_dropped_total',
      help: 'Log lines that could not be written, because the disk is full or nothing reads them.',
      registers,
      collect() {
        this.reset()
        this.inc(droppedLogLines())
      },
    })
  }

  #collected(pauses: readonly { readonly duration: number }[]): void {
    for (const { duration } of pauses) {
      this.#collecting += duration
      this.#longestPause = Math.max(this.#longestPause, duration)
    }
  }

  #take(): void {
    this.#intervals.push(this.#current())
    this.#histogram.reset()
    this.#collectingBefore += this.#collecting
    this.#from = performance.now()
    this.#collecting = 0
    this.#longestPause = 0
    if (this.#intervals.length > KEPT) this.#intervals.shift()
  }

  #current(): Interval {
    const { count, max } = this.#histogram
    const delay = count === 0 ? undefined : { p99: waited(this.#histogram.percentile(99)), max: waited(max) }
    return { from: this.#from, delay, collecting: this.#collecting, longestPause: this.#longestPause }
  }
}

function waited(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1_000_000 - RESOLUTION_MS)
}
