/** What a handler does to its session. */
export const CHANGES = ['update', 'push', 'set', 'default', 'delete', 'drop', 'clear', 'kept', 'gone'] as const
export const KEY_CHANGES = ['sign in', 'sign in as another', 'change key'] as const
export const ENDINGS = ['logout', 'end others', 'end one'] as const
const REST = ['read', 'touch', 'save', 'save twice', 'too late'] as const

/**
 * `save`: stores what was changed so far; `save twice`: again where that fails; `too late`: a change after the answer.
 * `end others` and `end one` concern the other device in the start `two devices`.
 */
export type Op =
  | (typeof CHANGES)[number]
  | (typeof KEY_CHANGES)[number]
  | (typeof ENDINGS)[number]
  | (typeof REST)[number]

/** A request: who sends it, to which process, and what its handler does. */
export interface Request {
  readonly browser: 'A' | 'B'
  readonly process: number
  readonly ops: readonly Op[]
}

/** `two devices`: A and B are signed in as one user, with a session each. */
export type Start = 'no session' | 'anonymous' | 'signed in' | 'two devices'
export const STARTS: readonly Start[] = ['no session', 'anonymous', 'signed in', 'two devices']

/** Requests that overlap. */
export interface Program {
  readonly start: Start
  readonly requests: readonly Request[]
  readonly faults: number
  /** Whether records may be evicted, which counts as a fault. */
  readonly evicts?: boolean
}

/** Two requests of every kind that overlap. `one process` lets them queue. */
export function pairs(options: { faults: number; oneProcess: boolean; evicts?: boolean }): Program[] {
  const { faults, oneProcess, evicts = false } = options
  const second = oneProcess ? 0 : 1
  const programs: Program[] = []
  const add = (start: Start, one: readonly Op[], other: readonly Op[], browser: 'A' | 'B' = 'A') => {
    const requests = [
      { browser: 'A', process: 0, ops: one },
      { browser, process: second, ops: other },
    ] as const
    programs.push({ start, requests, faults, evicts })
  }
  for (const start of ['anonymous', 'signed in'] as const) {
    for (const [at, one] of SINGLE.entries()) for (const other of SINGLE.slice(at)) add(start, one, other)
  }
  for (const other of SINGLE) {
    add('two devices', ['end others'], other, 'B')
    add('two devices', ['end one'], other, 'B')
    add('two devices', ['end others'], other)
  }
  return programs
}

/** What single requests do in the programs that are tried exhaustively. */
const SINGLE: readonly (readonly Op[])[] = [
  ['update'],
  ['push'],
  ['set'],
  ['default'],
  ['delete'],
  ['drop'],
  ['clear'],
  ['kept'],
  ['gone'],
  ['update', 'sign in'],
  ['sign in as another'],
  ['change key'],
  ['logout'],
  ['read'],
  ['touch'],
  ['update', 'save', 'update'],
  ['update', 'save twice'],
  ['update', 'too late'],
]

const CENTRAL: readonly (readonly Op[])[] = [['update'], ['gone'], ['sign in'], ['change key'], ['logout']]

/** Three requests of the kinds that have most to do with one another; the last may begin after the first is answered. */
export function triples(faults: number): Program[] {
  return (['anonymous', 'signed in'] as const).flatMap((start) =>
    CENTRAL.flatMap((one, at) =>
      CENTRAL.slice(at).flatMap((two, further) =>
        CENTRAL.slice(at + further).map((three): Program => {
          const requests = [one, two, three].map((ops, process) => ({ browser: 'A', process, ops }) as const)
          return { start, requests, faults }
        }),
      ),
    ),
  )
}

const ANY: readonly Op[] = [...CHANGES, ...KEY_CHANGES, ...ENDINGS, ...REST]

/** A program of two to four requests. @param random gives a number from 0 up to, but without, 1 */
export function randomProgram(random: () => number): Program {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const start = pick(STARTS)
  const requests = Array.from({ length: 2 + Math.floor(random() * 3) }, (): Request => {
    const drawn = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(ANY))
    // Who signs in and forgets it at once has not signed in.
    const ops = drawn.filter((op, at) => op !== 'clear' || !drawn.slice(0, at).some((it) => it.startsWith('sign in')))
    const browser = start === 'two devices' ? pick(['A', 'B'] as const) : 'A'
    return { browser, process: Math.floor(random() * 2), ops }
  })
  return { start, requests, faults: Math.floor(random() * 3), evicts: random() < 0.1 }
}
