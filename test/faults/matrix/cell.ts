import { setTimeout as pause } from 'node:timers/promises'
import { check, type Verdict } from '../kit/history.ts'
import { ANYBODY, type Load } from '../kit/load.ts'
import type { SetUp } from './set-ups.ts'
import type { Site } from './site.ts'

const BEFORE_MS = 500
const AFTER_MS = 300

/** One of the faults, as a column of the matrix. */
export interface Fault {
  readonly name: string
  readonly title: string
  /** Also for set-ups that have only some of the faults. */
  readonly everywhere?: true
  /** It is one of the network: without a server, that of the visitors. */
  readonly network?: true
  /** Its times are measured with nothing beside it. */
  readonly alone?: true
  /** Max milliseconds of 99 % of the answers; none by default. */
  readonly maxP99?: number
  /** Why it means nothing there; undefined if it does. */
  readonly without?: (setUp: SetUp) => string | undefined
  readonly run: (cell: Cell) => Promise<void>
}

/** What one cell of the matrix has shown. */
export interface Row {
  readonly setUp: string
  readonly fault: string
  readonly operations: number
  readonly acknowledged: number
  readonly unknown: number
  readonly failed: number
  readonly verdict: Verdict
  /** Milliseconds. */
  readonly p99: number
  /** Seconds. */
  readonly recovery: number
  readonly maxP99: number
  readonly unhandled: number
  /** Anything else that must not be. */
  readonly complaints: readonly string[]
}

/** This machine cannot do what the fault needs. */
export class SkippedError extends Error {}

/** One fault at one set-up. */
export class Cell {
  readonly site: Site
  readonly load: Load
  readonly complaints: string[] = []
  #recovery = 0

  constructor(site: Site, fault: Fault) {
    this.site = site
    this.load = site.newLoad(fault.network === true)
  }

  /**
   * Runs the load, and the fault in the middle of it.
   *
   * @param begin returns what ends the fault
   * @param milliseconds between the two
   */
  async underLoad(begin: () => Promise<(() => unknown) | undefined>, milliseconds: number): Promise<void> {
    const { load } = this
    load.start()
    try {
      await pause(BEFORE_MS)
      const end = await begin()
      await pause(milliseconds)
      await end?.()
      this.#recovery = await load.recovery(performance.now())
      await pause(AFTER_MS)
    } finally {
      await load.stop()
    }
    await load.readAll()
  }

  async run(fault: Fault): Promise<Row> {
    const { apps, setUp } = this.site
    // A cell that failed may have left some behind.
    for (const app of apps) if (!app.isRunning) await app.start()
    const before = apps.map(({ unhandled }) => unhandled)
    await fault.run(this)
    const { history } = this.load
    const requests = history.filter(({ client }) => client !== ANYBODY)
    const count = (outcome: string) => requests.filter((event) => event.outcome === outcome).length
    return {
      setUp: setUp.name,
      fault: fault.name,
      operations: requests.length,
      acknowledged: count('ok'),
      unknown: count('unknown'),
      failed: count('fail'),
      verdict: check(history, setUp),
      p99: percentile(requests.map(({ begin, end }) => end - begin)),
      recovery: this.#recovery,
      maxP99: fault.maxP99 ?? Number.POSITIVE_INFINITY,
      unhandled: apps.reduce((sum, { unhandled }, n) => sum + unhandled - (before[n] ?? 0), 0),
      complaints: this.complaints,
    }
  }
}

function percentile(times: readonly number[]): number {
  const sorted = [...times].sort((one, other) => one - other)
  return sorted[Math.trunc(sorted.length * 0.99)] ?? 0
}
