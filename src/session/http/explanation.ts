import { emptyData, type Json, plainJson, type SessionData } from '../core/data.ts'
import type { SecurityKind } from '../core/events.ts'
import { absoluteAge, EXPIRY_KEY, type ExpiryPolicy, expiryAge, expiryDate, fixedDate } from '../core/expiry.ts'
import type { Loaded, Opened } from '../engines/engine.ts'
import type { SessionState } from '../session-state.ts'
import { type Decision, settle } from './settle.ts'

/**
 * What happened to the session of a request so far, and why. Contains no key and no cookie, but values: not for a log.
 *
 * @example
 * const summary = ({ engine, bytes, decision }: Explanation) => `${engine}, ${bytes} bytes: ${decision?.why ?? 'failed'}`
 */
export interface Explanation {
  readonly engine: string
  /** Whether the response has started; before that, `decision` is what it would be if the handler ended now. */
  readonly settled: boolean
  /** Undefined until the handler asks for the session. */
  readonly opening: Opening | undefined
  /** The session as it was loaded or last saved; undefined while there is none. */
  readonly live: Clocks | undefined
  /** Its keys, with those of the account, and the bytes of their values as JSON. */
  readonly content: readonly { readonly key: string; readonly bytes: number }[]
  readonly bytes: number
  /** Whether the request changed it, and under which keys: `*` when all of them were cleared. */
  readonly changed: boolean
  readonly changedKeys: readonly string[]
  readonly flushed: boolean
  /** A copy of the values under its keys, as stored. */
  readonly data: SessionData
  /**
   * The values that are not as the request found them, as stored; undefined where there is none. After a replay these
   * include changes of other requests.
   */
  readonly changes: readonly {
    readonly key: string
    readonly before: Json | undefined
    readonly after: Json | undefined
  }[]
  /** Undefined if the storage did not answer. */
  readonly decision: Decision | undefined
  /** The result of the write; undefined before. */
  readonly writing: Attempt | undefined
}

/** A call of the engine. */
export interface Attempt {
  readonly milliseconds: number
  /** The name of the error, if it failed. */
  readonly failed: string | undefined
}

/** The result of opening the session. */
export interface Opening extends Attempt {
  /** Number of cookies with the session's name. */
  readonly cookies: number
  readonly live: boolean
  readonly suspicion: SecurityKind | undefined
  readonly detail: string | undefined
}

/** The times of a session, in milliseconds since 1970. */
export interface Clocks {
  /** Whether the cookie holds the session itself. */
  readonly inCookie: boolean
  readonly createdAt: number
  /** 0 if unknown. */
  readonly lastActivity: number
  readonly expires: number
  /** When its cookie age or custom expiry ends. */
  readonly ageEnds: number
  readonly customExpiry: boolean
  readonly idleEnds: number | undefined
  readonly absoluteEnds: number | undefined
  /** From when on a read is written as activity. */
  readonly touchFrom: number | undefined
}

/** The request's context of an explanation. */
export interface ExplainContext {
  readonly engine: string
  readonly expiry: ExpiryPolicy
  readonly settled: boolean
}

const NOT_ASKED = settle({
  status: 200,
  asked: false,
  hadCookie: false,
  live: false,
  flushed: false,
  changed: false,
  accountChanged: false,
  empty: true,
  cycled: false,
  touchDue: false,
})

/** Records what happens to the session of one request, for {@link Explanation}. */
export class Trace {
  #opening: Opening | undefined
  #state: SessionState | undefined
  /** The content as the request found it. */
  #found: SessionData = emptyData()
  #decide: (() => Decision) | undefined
  #decision: Decision | undefined
  /** The changes before they were stored. */
  #changes: { changed: boolean; changedKeys: readonly string[] } | undefined
  #writing: Attempt | undefined

  async open(cookies: number, work: () => Promise<Opened>): Promise<Opened> {
    const { result, ...attempt } = await attempted(work)
    const opened = await result.catch(() => undefined)
    const { suspicion, detail } = opened === undefined || opened.live ? {} : opened
    this.#opening = { ...attempt, cookies, live: opened?.live ?? false, suspicion, detail }
    return await result
  }

  /** @param decide returns what the response would do now */
  hold(state: SessionState, decide: () => Decision): void {
    this.#state = state
    this.#found = copyOf(state.content)
    this.#decide = decide
  }

  async apply(decision: Decision, work: () => Promise<void>): Promise<void> {
    this.#decision = decision
    this.#changes = this.#state && changesOf(this.#state)
    const { result, ...attempt } = await attempted(work)
    this.#writing = attempt
    await result
  }

  explain({ engine, expiry, settled }: ExplainContext): Explanation {
    const opening = this.#opening
    const state = this.#state
    const summary = state?.summary()
    const content = Object.entries(state?.content ?? {}).map(([key, value]) => ({ key, bytes: bytesOf(value) }))
    const unasked = opening === undefined ? NOT_ASKED : undefined
    return {
      engine,
      settled,
      opening,
      live: summary?.loaded && clocks(expiry, summary.loaded),
      content,
      bytes: bytesOf(state?.content ?? {}),
      ...(this.#changes ?? (state && changesOf(state)) ?? { changed: false, changedKeys: [] }),
      flushed: summary?.flushed ?? false,
      ...this.#values(),
      decision: this.#decision ?? this.#decide?.() ?? unasked,
      writing: this.#writing,
    }
  }

  #values(): Pick<Explanation, 'data' | 'changes'> {
    const data = copyOf(this.#state?.content ?? {})
    return { data, changes: changesBetween(this.#found, data) }
  }
}

function changesOf(state: SessionState) {
  const { changed, accountChanged } = state.summary()
  return { changed: changed || accountChanged, changedKeys: state.changedKeys }
}

function copyOf(data: SessionData): SessionData {
  return plainJson(data) as SessionData
}

function changesBetween(before: SessionData, after: SessionData): Explanation['changes'] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => ({ key, before: before[key], after: after[key] }))
}

/** Waits until the work succeeds or fails; `result` is its promise. */
async function attempted<T>(work: () => Promise<T>): Promise<Attempt & { result: Promise<T> }> {
  const start = performance.now()
  const result = work()
  const failed = await result.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.name : 'Error'),
  )
  return { result, failed, milliseconds: performance.now() - start }
}

function clocks(policy: ExpiryPolicy, { key, data, createdAt, lastActivity, expires }: Loaded): Clocks {
  const own = data[EXPIRY_KEY]
  const { idleAge, touchAfter } = policy
  const maxAge = absoluteAge(policy, data)
  const known = lastActivity > 0
  const age = fixedDate(own) === undefined ? expiryAge(policy, own, lastActivity) : policy.cookieAge
  const window = Math.min(age, idleAge ?? Number.POSITIVE_INFINITY) * 1000
  return {
    inCookie: key === null,
    createdAt,
    lastActivity,
    expires,
    ageEnds: known ? expiryDate(policy, own, lastActivity).getTime() : expires,
    customExpiry: own !== undefined && own !== null,
    idleEnds: known && idleAge !== undefined ? lastActivity + idleAge * 1000 : undefined,
    absoluteEnds: maxAge === undefined ? undefined : createdAt + maxAge * 1000,
    touchFrom: known ? lastActivity + touchAfter * window : undefined,
  }
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '')
}
