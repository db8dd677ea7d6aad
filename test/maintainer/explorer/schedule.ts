import { AsyncLocalStorage } from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'

/** `lost`: the caller learns only that the storage is unavailable; the call was not carried out, or was. */
export type Answer = 'done' | 'lost before' | 'lost after'

/** A point at which a request waits for the schedule. */
export interface Step {
  readonly actor: string
  readonly kind: 'begin' | 'handle' | 'call' | 'arrive' | 'evict'
  /** A description. */
  readonly label: string
  /** The record it concerns; `*` for a search over all of them. */
  readonly record?: string
  readonly writes?: boolean
  /** A call before the handler begins. */
  readonly opening?: boolean
  /** The browser that an answer arrives at. */
  readonly browser?: string
  /** The process in which it happens. */
  readonly process: number
}

/** A step that could be the next, and how it would end. */
export interface Option {
  readonly step: Step
  readonly answer: Answer
}

/** The currentActor request, for calls that reach the store through an engine that several requests share. */
export const currentActor = new AsyncLocalStorage<string>()

// The engine's pauses between two tries: the schedule decides how long they take, by what it lets go on first.
timers.setTimeout = (async () => {}) as typeof timers.setTimeout
syncBuiltinESMExports()

/** Everything that waits, in an order that only the program decides. */
export class Schedule {
  readonly log: string[] = []
  readonly #waiting = new Map<string, { step: Step; resume: (answer: Answer) => void }>()
  /** Whose handler has begun. */
  readonly #handling = new Set<string>()
  readonly #evictable: () => readonly Step[]
  readonly #evict: (step: Step) => void
  #faults: number

  /**
   * @param faults how many calls may be lost, or records evicted
   * @param evictions what may be evicted at the moment, and how
   */
  constructor(faults: number, evictions?: { all: () => readonly Step[]; apply: (step: Step) => void }) {
    this.#faults = faults
    this.#evictable = evictions?.all ?? (() => [])
    this.#evict = evictions?.apply ?? (() => {})
  }

  /** Waits until it is this step's turn. */
  wait(asked: Step): Promise<Answer> {
    const { actor, kind } = asked
    if (this.#waiting.has(actor)) throw new Error(`${actor} waits twice`)
    if (kind === 'handle') this.#handling.add(actor)
    const step = { ...asked, opening: kind === 'call' && !this.#handling.has(actor) }
    return new Promise((resume) => this.#waiting.set(actor, { step, resume }))
  }

  /** What could happen next. */
  options(): Option[] {
    const options: Option[] = []
    for (const [, { step }] of [...this.#waiting].sort(([one], [other]) => (one < other ? -1 : 1))) {
      options.push({ step, answer: 'done' })
      if (step.kind !== 'call' || this.#faults === 0) continue
      options.push({ step, answer: 'lost before' })
      if (step.writes) options.push({ step, answer: 'lost after' })
    }
    if (options.length === 0 || this.#faults === 0) return options
    return [...options, ...this.#evictable().map((step) => ({ step, answer: 'lost after' as const }))]
  }

  /** Takes one step, and returns when everybody waits again. */
  async take({ step, answer }: Option): Promise<void> {
    if (step.kind === 'evict') {
      this.#faults--
      this.log.push(describe({ step, answer }))
      this.#evict(step)
      return
    }
    const waiting = this.#waiting.get(step.actor)
    if (waiting === undefined) throw new Error(`${step.actor} does not wait`)
    this.#waiting.delete(step.actor)
    if (answer !== 'done') this.#faults--
    this.log.push(describe({ step: waiting.step, answer }))
    waiting.resume(answer)
    await settled()
    // A request that begins waits for the end of this turn.
    if (waiting.step.kind === 'begin') await settled()
  }
}

/** One line of a printed schedule, which a replay reads. */
export function describe({ step, answer }: Option): string {
  return `${step.actor}  ${step.label}${answer === 'done' || step.kind === 'evict' ? '' : `  [${answer}]`}`
}

/** Whether two steps can be exchanged without anybody noticing. */
export function independent(one: Option, other: Option): boolean {
  const [a, b] = [one.step, other.step]
  if (a.actor === b.actor) return false
  if (one.answer !== 'done' && other.answer !== 'done') return false
  if (a.kind === 'call' || a.kind === 'evict' || b.kind === 'call' || b.kind === 'evict') {
    // A request that goes on may line up behind others of its process, or find that they are through.
    if (a.kind === 'handle' || b.kind === 'handle') return a.process !== b.process || a.opening || b.opening || false
    if (a.record === undefined || b.record === undefined) return true
    if (!a.writes && !b.writes) return true
    return a.record !== b.record && a.record !== '*' && b.record !== '*'
  }
  if (a.kind === 'handle' && b.kind === 'handle') return a.process !== b.process
  if (a.kind === 'handle' || b.kind === 'handle') return true
  // Which request began after which answer is what the properties speak of.
  if (a.kind !== b.kind) return false
  return a.kind === 'begin' || a.browser !== b.browser
}

/** Everything that needs no further step has happened by the next turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
