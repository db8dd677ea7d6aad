import type { Implementation } from './implementation.ts'
import { type Program, STARTS, type Start } from './programs.ts'
import { violation } from './properties.ts'
import { describe, independent, type Option } from './schedule.ts'
import { type Snapshot, snapshot, World } from './world.ts'

/** What was found: how it came about, and what is wrong then. */
export interface Finding {
  readonly program: Program
  readonly wrong: string
  readonly schedule: readonly string[]
}

const MAX_STEPS = 400

/** Runs programs on one engine, in every order of their steps. */
export class Explorer {
  readonly #engine: Implementation
  readonly #snapshots: ReadonlyMap<Start, Snapshot>
  runs = 0

  private constructor(engine: Implementation, snapshots: ReadonlyMap<Start, Snapshot>) {
    this.#engine = engine
    this.#snapshots = snapshots
  }

  static async on(engine: Implementation): Promise<Explorer> {
    const snapshots = new Map<Start, Snapshot>()
    for (const start of STARTS) snapshots.set(start, await snapshot(engine, start))
    return new Explorer(engine, snapshots)
  }

  /**
   * All orders, except equivalent ones (sleep sets).
   *
   * @param until when it gives up, by `performance.now()`; `complete` says whether it did not have to
   */
  async exhaust(program: Program, until = Infinity): Promise<{ finding?: Finding; complete: boolean }> {
    const path: Node[] = []
    while (performance.now() < until) {
      const finding = await this.#run(program, (options, depth) => {
        const known = path[depth]
        if (known !== undefined) return known.options[known.at]
        const node = new Node(options, path[depth - 1])
        if (!node.advance()) return undefined
        path.push(node)
        return node.options[node.at]
      })
      if (finding !== undefined) return { finding, complete: false }
      while (path.length > 0 && !path.at(-1)?.advance()) path.pop()
      if (path.length === 0) return { complete: true }
    }
    return { complete: false }
  }

  /**
   * One order.
   *
   * @param random gives a number from 0 up to, but without, 1
   * @param taken filled with the steps
   */
  async random(program: Program, random: () => number, taken: string[] = []): Promise<Finding | undefined> {
    return await this.#run(program, (options) => {
      const faultless = options.filter(({ answer }) => answer === 'done')
      const from = faultless.length > 0 && random() < 0.9 ? faultless : options
      return recorded(from[Math.floor(random() * from.length)], taken)
    })
  }

  /** The order that a printed schedule gives. */
  async replay(program: Program, schedule: readonly string[], taken: string[] = []): Promise<Finding | undefined> {
    return await this.#run(program, (options, depth) => {
      const option = options.find((it) => describe(it) === schedule[depth])
      if (option === undefined && schedule[depth] !== undefined) throw new Error(`No such step: ${schedule[depth]}`)
      return recorded(option, taken)
    })
  }

  /** Runs to the end, or until `choose` chooses nothing. */
  async #run(
    program: Program,
    choose: (options: readonly Option[], depth: number) => Option | undefined,
  ): Promise<Finding | undefined> {
    this.runs++
    const from = this.#snapshots.get(program.start)
    if (from === undefined) throw new Error(program.start)
    const world = new World(this.#engine, from, program)
    const { schedule } = world
    for (let depth = 0; ; depth++) {
      const options = schedule.options()
      if (options.length === 0) break
      if (depth === MAX_STEPS) return { program, wrong: '0: it does not come to an end', schedule: schedule.log }
      const option = choose(options, depth)
      if (option === undefined) return undefined
      await schedule.take(option)
    }
    const wrong = await violation(program, from, world)
    return wrong === undefined ? undefined : { program, wrong, schedule: schedule.log }
  }
}

function recorded(option: Option | undefined, taken: string[]): Option | undefined {
  if (option !== undefined) taken.push(describe(option))
  return option
}

/** A point of the search: what could be done there, and what need not be tried any more. */
class Node {
  readonly options: readonly Option[]
  at = -1
  /** Tried before in an equivalent order. */
  #asleep: readonly Option[]

  constructor(options: readonly Option[], parent: Node | undefined) {
    this.options = options
    const taken = parent?.options[parent.at]
    this.#asleep =
      taken === undefined || parent === undefined ? [] : parent.tried().filter((it) => independent(it, taken))
  }

  /** Goes on to the next option worth trying; false when there is none. */
  advance(): boolean {
    const current = this.options[this.at]
    if (current !== undefined) this.#asleep = [...this.#asleep, current]
    do this.at++
    while (this.at < this.options.length && this.#isAsleep(this.options[this.at] as Option))
    return this.at < this.options.length
  }

  tried(): readonly Option[] {
    return this.#asleep
  }

  #isAsleep({ step, answer }: Option): boolean {
    return this.#asleep.some(
      (it) => it.step.actor === step.actor && it.answer === answer && it.step.label === step.label,
    )
  }
}

/** A finding in readable lines, from which it can be replayed. */
export function printed({ program, wrong, schedule }: Finding): string {
  const lines = schedule.map((line, at) => `  ${String(at + 1).padStart(3)}  ${line}`)
  return [`${wrong}`, `program: ${JSON.stringify(program)}`, 'schedule:', ...lines].join('\n')
}

/** Numbers from 0 up to, but without, 1, that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
