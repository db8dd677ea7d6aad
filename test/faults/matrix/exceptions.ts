import type { Verdict } from '../kit/history.ts'

/** What a cell may show although the gate is zero. */
export interface Allowed {
  readonly setUps: readonly string[]
  readonly faults: readonly string[]
  readonly kinds: readonly (keyof Verdict | 'unhandled' | 'recovery' | 'complaint')[]
}

/** Limits of engines, in the words of docs/choosing-an-engine.md. */
export interface Limit extends Allowed {
  readonly says: string
}

/** What is to be mended; the entry goes when it is. */
export interface Expected extends Allowed {
  readonly reason: string
}

export const LIMITS: readonly Limit[] = []

export const EXPECTED: readonly Expected[] = []

/** Why this kind of breach is allowed in a cell; undefined if it is not. */
export function allowed(setUp: string, fault: string, kind: Allowed['kinds'][number]): string | undefined {
  const fits = (entry: Allowed) =>
    entry.setUps.includes(setUp) && entry.faults.includes(fault) && entry.kinds.includes(kind)
  return LIMITS.find(fits)?.says ?? EXPECTED.find(fits)?.reason
}
