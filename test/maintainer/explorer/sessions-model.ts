import type { SessionData } from '../../../src/session/core/data.ts'
import { applied, type Effect, type HistoryEvent, surviveSignIn, text, userOf } from './history.ts'

/** Sessions as their users should find them: no versions, no copies, one thing after the other. */
export interface Model {
  /** The data of each session that has not ended, by public id. */
  readonly live: ReadonlyMap<string, SessionData>
  /** Keys that were changed, with the user of that moment. */
  readonly replaced: ReadonlyMap<string, string | null>
  /** Old keys that were given up without an end of the session. */
  readonly dead: ReadonlySet<string>
  /** The key of a session that the browser knows. */
  readonly current: ReadonlyMap<string, string>
}

/** What the model needs to know of the keys that were sent. */
export interface Keys {
  readonly idOf: ReadonlyMap<string, string>
  /** The keys that one was changed to, directly or in several steps. */
  laterThan(key: string): ReadonlySet<string>
}

type Commit = HistoryEvent & { kind: 'commit' }

/** What may be after this has happened; nothing when it could not happen in this state. */
export function after(model: Model, event: HistoryEvent, keys: Keys): Model[] {
  if (event.kind === 'commit') return committed(model, event, keys)
  if (event.kind === 'read') return mayRead(model, event, keys) ? [model] : []
  if (event.kind === 'evicted') {
    if (event.forward) return [invalidated(model, event.key)]
    return [ended(model, event.id), model]
  }
  if (event.outcome === 'refused') return []
  const next = event.kind === 'end' ? endedBy(model, event.key, keys) : endedOf(model, event, keys)
  if (event.outcome !== 'unknown') return next
  const id = event.kind === 'end' ? keys.idOf.get(event.key) : event.id
  const old = oldKeys(model, id, keys)
  return [...next, model, { ...model, dead: new Set([...model.dead, ...old]) }]
}

/** Whether this key leads nowhere although its session has not ended. */
export function isDead(model: Model, key: string, keys: Keys): boolean {
  const { dead } = model
  return dead.has(key) || isOfFormerUser(model, key, keys) || [...keys.laterThan(key)].some((later) => dead.has(later))
}

/** An old key of another user shows and changes nothing. */
function isOfFormerUser(model: Model, key: string, keys: Keys): boolean {
  const user = model.replaced.get(key)
  return typeof user === 'string' && otherUser(model, key, keys)
}

function mayRead(model: Model, { key, found, forwarded }: HistoryEvent & { kind: 'read' }, keys: Keys): boolean {
  const data = dataOf(model, key, keys)
  if (found === undefined) return data === undefined || isDead(model, key, keys)
  if (data === undefined) return false
  return forwarded || text(found) === text(data)
}

function endedOf(model: Model, { id = '', user }: HistoryEvent & { kind: 'end others' }, keys: Keys): Model[] {
  const data = model.live.get(id)
  if (data === undefined) return [model]
  if (userOf(data) === user) return [ended(model, id)]
  // Another user's or anonymous by now: its key from before may be removed.
  const without = { ...model, dead: new Set([...model.dead, ...oldKeys(model, id, keys)]) }
  return userOf(data) === null ? [model, without, ended(model, id)] : [model, without]
}

function oldKeys({ replaced }: Model, id: string | undefined, { idOf }: Keys): string[] {
  return [...replaced.keys()].filter((key) => idOf.get(key) === id)
}

function endedBy(model: Model, key: string, keys: Keys): Model[] {
  const id = keys.idOf.get(key)
  if (id === undefined) return [model]
  if (otherUser(model, key, keys)) return [invalidated(model, key)]
  // Nothing leads from a key that was given up to the session any more, but it may have been followed before.
  return isDead(model, key, keys) ? [ended(model, id), model] : [ended(model, id)]
}

function committed(model: Model, commit: Commit, keys: Keys): Model[] {
  if (commit.outcome === 'refused') return mayRefuse(model, commit, keys) ? [model] : []
  const done = [...stored(model, commit, keys), ...begun(model, commit, keys)]
  return commit.outcome === 'unknown' ? [...done, model] : done
}

function mayRefuse(model: Model, { key }: Commit, keys: Keys): boolean {
  if (key === undefined) return false
  return dataOf(model, key, keys) === undefined || isDead(model, key, keys) || otherUser(model, key, keys)
}

/** Changes of a session that is there. */
function stored(model: Model, commit: Commit, keys: Keys): Model[] {
  const { key, effects, change, after: now } = commit
  const id = key === undefined ? undefined : keys.idOf.get(key)
  if (key === undefined || id === undefined || (now !== undefined && now.id !== id)) return []
  const data = model.live.get(id)
  if (data === undefined || isOfFormerUser(model, key, keys)) return []
  const late = model.replaced.has(key)
  if (change === 'sign-in') {
    const user = userOf(data)
    if (late && user === signedIn(effects)) {
      const others = effects.filter(({ kind }) => kind !== 'sign in')
      // It drops nothing a second time, but may drop what its own request has put there before.
      const at = effects.findLastIndex(({ kind }) => kind === 'sign in')
      const spared = effects.filter((effect, position) => position > at || !('key' in effect && effect.key === 'gone'))
      const kept = spared.filter(({ kind }) => kind !== 'sign in')
      return [others, kept].map((each) => withData(model, id, applied(each, data)))
    }
    if (late && user !== null) return []
    return [rekeyed(withData(model, id, applied(effects, data)), { id, key, user }, now?.key)]
  }
  if (otherUser(model, key, keys) && !surviveSignIn(effects)) return []
  const next = withData(model, id, applied(effects, data))
  return [change === 'key' && !late ? rekeyed(next, { id, key, user: userOf(data) }, now?.key) : next]
}

/** A session that begins. */
function begun(model: Model, { key, effects, change, after: now }: Commit, keys: Keys): Model[] {
  const id = key === undefined ? undefined : keys.idOf.get(key)
  if (now === undefined || now.id === id || model.live.has(now.id)) return []
  const data = id === undefined ? undefined : model.live.get(id)
  const another =
    data !== undefined && key !== undefined && model.replaced.has(key) && userOf(data) !== signedIn(effects)
  const alone =
    change === 'sign-in' && (data === undefined || another || (key !== undefined && isDead(model, key, keys)))
  const mayBegin = key === undefined || alone
  if (!mayBegin) return []
  const next = withData(model, now.id, applied(effects, Object.create(null) as SessionData))
  return [{ ...next, current: new Map(model.current).set(now.id, now.key) }]
}

function otherUser({ live, replaced }: Model, key: string, { idOf }: Keys): boolean {
  const data = live.get(idOf.get(key) ?? '')
  return replaced.has(key) && data !== undefined && replaced.get(key) !== userOf(data)
}

function signedIn(effects: readonly Effect[]): string | undefined {
  const last = effects.findLast((effect) => effect.kind === 'sign in')
  return last?.kind === 'sign in' ? last.user : undefined
}

function dataOf(model: Model, key: string, { idOf }: Keys): SessionData | undefined {
  return model.live.get(idOf.get(key) ?? '')
}

function withData(model: Model, id: string, data: SessionData): Model {
  return { ...model, live: new Map(model.live).set(id, data) }
}

function rekeyed(model: Model, was: { id: string; key: string; user: string | null }, key: string | undefined): Model {
  const replaced = new Map(model.replaced)
  const current = new Map(model.current)
  for (const old of [was.key, current.get(was.id)]) {
    if (old !== undefined && !replaced.has(old)) replaced.set(old, was.user)
  }
  if (key === undefined) current.delete(was.id)
  else current.set(was.id, key)
  return { ...model, replaced, current }
}

function ended(model: Model, id: string): Model {
  const live = new Map(model.live)
  live.delete(id)
  return { ...model, live }
}

function invalidated(model: Model, key: string): Model {
  return { ...model, dead: new Set(model.dead).add(key) }
}
