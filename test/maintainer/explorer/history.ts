import { emptyData, type Json, plainJson, type SessionData } from '../../../src/session/core/data.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'

/** One change, as the model of sessions understands it. Ids are unique. */
export type Effect =
  | { kind: 'append' | 'append if there' | 'append to slice' | 'set' | 'default'; key: string; id: string }
  | { kind: 'delete'; key: string }
  | { kind: 'clear' }
  | { kind: 'sign in'; user: string }

/** `unknown`: it may have happened or not. */
export type Outcome = 'acknowledged' | 'refused' | 'unknown'

/** What a request did that others can notice, or noticed of others. `key` is the one that it had at that moment. */
export type HistoryEvent =
  | { kind: 'read'; key: string; found: SessionData | undefined; forwarded: boolean }
  | {
      kind: 'commit'
      key: string | undefined
      effects: readonly Effect[]
      change: 'none' | 'key' | 'sign-in'
      outcome: Outcome
      /** The session and the key that the request had afterwards. */
      after?: { id: string; key: string }
    }
  | { kind: 'end'; key: string; outcome: Outcome }
  /** The end of the user's sessions: this one, or all but the one that asks. */
  | { kind: 'end others'; user: string; id: string | undefined; own: string; outcome: Outcome }
  | { kind: 'evicted'; key: string; id: string; forward: boolean }

/** A request from its beginning to its answer's arrival. */
export interface Exchange {
  readonly name: string
  readonly browser: string
  readonly sent: string | undefined
  readonly begun: number
  arrived: number
  status: number
  /** The session keys of its Set-Cookie headers; '' takes the cookie back. */
  readonly cookies: string[]
  readonly events: HistoryEvent[]
}

/** The user of these data. */
export function userOf(data: SessionData): string | null {
  const user = data[USER_KEY]
  return typeof user === 'string' ? user : null
}

/** What the data are after these changes. @param dropping whether a sign-in drops the slices that are to be dropped */
export function applied(effects: readonly Effect[], data: SessionData, dropping = true): SessionData {
  let next = plainJson(data) as SessionData
  for (const effect of effects) {
    if (effect.kind === 'clear') next = emptyData()
    else if (effect.kind === 'sign in') {
      if (dropping) delete next['gone']
      next[USER_KEY] = effect.user
    } else if (effect.kind === 'delete') delete next[effect.key]
    else put(next, effect)
  }
  return next
}

function put(data: SessionData, { kind, key, id }: Extract<Effect, { id: string }>): void {
  const current = data[key]
  const list = Array.isArray(current) ? current : []
  if (kind === 'set') data[key] = id
  else if (kind === 'default') data[key] = current ?? id
  else if (kind !== 'append if there' || current !== undefined) data[key] = [...list, id]
}

/** Whether a sign-in leaves what these changes concern. */
export function surviveSignIn(effects: readonly Effect[]): boolean {
  return effects.every((effect) => effect.kind === 'append to slice' && effect.key === 'kept')
}

/** The data as the model has them: a slice's value without what is stored around it. */
export function simple(data: SessionData): SessionData {
  const result = emptyData()
  for (const key of Object.keys(data).sort()) {
    const value = data[key] ?? null
    result[key] = key === 'kept' || key === 'gone' ? ((value as { d?: Json }).d ?? null) : value
  }
  return result
}

/** Text that is equal for equal data. */
export function text(data: SessionData | undefined): string {
  if (data === undefined) return 'ended'
  return JSON.stringify(
    Object.keys(data)
      .sort()
      .map((key) => [key, data[key]]),
  )
}
