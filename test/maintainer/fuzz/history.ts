import type { SessionRecord, StoredRecord, Version } from '../../../src/session/stores/store.ts'

/** What was asked of one record, and the answer. */
export type Call =
  | { kind: 'load'; found: StoredRecord | undefined }
  | { kind: 'create'; record: SessionRecord; version: Version | 'taken' }
  | { kind: 'save'; over: Version; record: SessionRecord; outcome: string; version?: Version }
  | { kind: 'touch'; over: Version; expires: number; lastActivity: number; outcome: string }
  | { kind: 'delete'; over: Version | undefined; outcome: string }
  /** Whether the list of its user's sessions had it. */
  | { kind: 'list'; found: boolean }
  /** The end of all sessions of its user, or all but this id. */
  | { kind: 'end'; exceptId: string | undefined }

/** One call on one record: it took effect at some moment between these two. */
export interface Event {
  readonly worker: string
  readonly begun: number
  readonly ended: number
  readonly call: Call
}

/** A record as the reference knows it; undefined for none. */
type State = { readonly record: SessionRecord; readonly version: Version } | undefined

/** What every record of a fuzzed store has in common. */
export interface Rules {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Whether user, id and last activity are kept. */
  readonly keepsMetadata: boolean
}

/** Whether some order of these calls, each within its time, gives these answers. */
export function isLinearizable(events: readonly Event[], rules: Rules): boolean {
  const order = [...events].sort((one, other) => one.begun - other.begun)
  const failed = new Set<string>()
  const search = (done: readonly boolean[], state: State): boolean => {
    if (done.every(Boolean)) return true
    const place = `${done.map(Number).join('')} ${state === undefined ? '' : `${state.version} ${state.record.expires} ${state.record.lastActivity}`}`
    if (failed.has(place)) return false
    const horizon = Math.min(...order.flatMap(({ ended }, at) => (done[at] ? [] : [ended])))
    for (const [at, { begun, call }] of order.entries()) {
      if (done[at] || begun > horizon) continue
      const rest = done.map((was, index) => was || index === at)
      if (after(state, call, rules).some((next) => search(rest, next))) return true
    }
    failed.add(place)
    return false
  }
  return search(
    order.map(() => false),
    undefined,
  )
}

/** The states after this call; none when it cannot have been answered so. */
function after(state: State, call: Call, rules: Rules): State[] {
  const live = state !== undefined && state.record.expires > rules.now ? state : undefined
  switch (call.kind) {
    case 'load':
      return isSame(live, call.found, rules) ? [state] : []
    case 'list':
      return call.found === (live !== undefined && live.record.userId !== null) ? [state] : []
    case 'create':
      // Of an expired record a table still has the row, which a cache may have forgotten.
      if (call.version === 'taken') return state === undefined ? [] : [state]
      return live === undefined ? [{ record: call.record, version: call.version }] : []
    case 'save': {
      const outcome = comparison(live, call.over, 'saved')
      if (call.outcome !== outcome) return []
      if (live === undefined || call.version === undefined) return [state]
      const record = { ...call.record, createdAt: live.record.createdAt }
      return [{ record, version: call.version }]
    }
    case 'touch': {
      if (call.outcome !== comparison(live, call.over, 'done')) return []
      if (live === undefined || call.outcome !== 'done') return [state]
      const { expires, lastActivity } = call
      return [{ ...live, record: { ...live.record, expires, lastActivity } }]
    }
    case 'delete':
      if (call.over === undefined && live === undefined && state !== undefined) return [undefined]
      if (
        call.outcome !==
        (call.over === undefined ? (live === undefined ? 'missing' : 'done') : comparison(live, call.over, 'done'))
      )
        return []
      return [call.outcome === 'done' ? undefined : state]
    case 'end':
      if (live === undefined) return [state, undefined]
      if (live.record.userId === null) return [state, undefined]
      return [live.record.sessionId === call.exceptId ? state : undefined]
  }
}

function comparison<T extends string>(live: State, over: Version, done: T): T | 'conflict' | 'missing' {
  if (live === undefined) return 'missing'
  return live.version === over ? done : 'conflict'
}

function isSame(live: State, found: StoredRecord | undefined, { keepsMetadata }: Rules): boolean {
  if (live === undefined || found === undefined) return live === found
  const { record, version } = live
  if (found.version !== version || found.data !== record.data || found.expires !== record.expires) return false
  if (!keepsMetadata) return true
  const { userId, sessionId, lastActivity, createdAt } = record
  return (
    found.userId === userId &&
    found.sessionId === sessionId &&
    found.lastActivity === lastActivity &&
    found.createdAt === createdAt
  )
}

/** The calls in readable lines. */
export function printed(events: readonly Event[]): string {
  return [...events]
    .sort((one, other) => one.begun - other.begun)
    .map(({ worker, begun, ended, call }) => `  ${begun}-${ended}  ${worker}  ${inWords(call)}`)
    .join('\n')
}

function inWords(call: Call): string {
  const state = (record: SessionRecord) =>
    `${record.data} of ${record.userId === null ? 'no user' : 'the user'} until ${record.expires}, active ${record.lastActivity}`
  switch (call.kind) {
    case 'load':
      return `load: ${call.found === undefined ? 'nothing' : `${state(call.found)}, version ${call.found.version}`}`
    case 'create':
      return `create ${state(call.record)}: ${call.version}`
    case 'save':
      return `save ${state(call.record)} over ${call.over}: ${call.outcome} ${call.version ?? ''}`
    case 'touch':
      return `touch ${call.over} until ${call.expires}, active ${call.lastActivity}: ${call.outcome}`
    case 'delete':
      return `delete ${call.over ?? ''}: ${call.outcome}`
    case 'list':
      return `list: ${call.found ? 'there' : 'not there'}`
    case 'end':
      return `end all of the user${call.exceptId === undefined ? '' : ' but this one'}`
  }
}
