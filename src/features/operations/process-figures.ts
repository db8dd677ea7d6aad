import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'
import { droppedLogLines } from '../../log.ts'

/** How long callbacks waited for the event loop, in milliseconds. */
export interface Delay {
  readonly p99: number
  readonly max: number
}

/** The memory of this process in bytes, and the delay of its event loop. */
export interface ProcessUse {
  readonly resident: number
  readonly heapUsed: number
  readonly external: number
  /** In the last minute; undefined until it was measured. */
  readonly delay: Delay | undefined
}

// Node.js measures with a timer, whose own interval is in every value.
const RESOLUTION_MS = 20
const INTERVAL_MS = 10_000
const KEPT = 6

/** Measures this process. */
export class ProcessFigures {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #delays: Delay[] = []

  /** Begins to measure; does not keep the process running. */
  start(): void {
    this.#histogram.enable()
    setInterval(() => this.#take(), INTERVAL_MS).unref()
  }

  read(): ProcessUse {
    const { rss: resident, heapUsed, external } = process.memoryUsage()
    const measured = [...this.#delays, ...this.#current()]
    const highest = (name: keyof Delay) => Math.max(...measured.map((delay) => delay[name]))
    const delay = measured.length === 0 ? undefined : { p99: highest('p99'), max: highest('max') }
    return { resident, heapUsed, external, delay }
  }

  /** Adds the figures to every scrape. */
  register(registry: Registry): void {
    const registers = [registry]
    const read = () => this.read()
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

  #take(): void {
    this.#delays.push(...this.#current())
    this.#histogram.reset()
    if (this.#delays.length > KEPT) this.#delays.shift()
  }

  #current(): Delay[] {
    const { count, max } = this.#histogram
    if (count === 0) return []
    return [{ p99: waited(this.#histogram.percentile(99)), max: waited(max) }]
  }
}

function waited(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1_000_000 - RESOLUTION_MS)
}
