import { hash } from 'node:crypto'
import { emptyData, type SessionData } from '../../core/data.ts'
import { userIdOf } from '../../core/user.ts'
import type { Loaded } from '../engine.ts'
import type { Migrant } from './migratable.ts'

// These two are among stored data, and the texts below are compared across processes: processes of an older version
// must go on understanding them, whatever else is renamed.
const MARK_KEY = '_session_moving'
const TRACE_KEY = '_session_moved_from'

/** What a session is marked with in the target while its migration is not decided; what a cookie alone holds needs none. */
export function markOf({ data }: Loaded): string | undefined {
  const mark = data[MARK_KEY]
  return typeof mark === 'string' ? mark : undefined
}

/** What names that which stays in the source for requests under way, so that a logout ends it too. */
export function traceOf({ data }: Loaded): string | undefined {
  const trace = data[TRACE_KEY]
  return typeof trace === 'string' ? trace : undefined
}

/** The data as the target is to have them at first. */
export function marked(data: SessionData, mark: string | undefined, trace: string | null): SessionData {
  const whole = Object.assign(emptyData(), data, trace === null ? {} : { [TRACE_KEY]: trace })
  if (mark !== undefined) whole[MARK_KEY] = mark
  return whole
}

/** The session as it is once its migration is decided. */
export function unmarked(loaded: Loaded): Loaded {
  const data = Object.assign(emptyData(), loaded.data)
  delete data[MARK_KEY]
  return { ...loaded, data }
}

/** How marks begin that stand for this state of a session: text that no codec takes for data. */
export function prefixOf({ version }: Loaded): string {
  return `moving ${hash('sha256', String(version), 'base64url')} `
}

/** A session as the target is to know it: whoever migrates the same state of it gives it the same key and sign-in. */
export function asMigrant(loaded: Migrant): Migrant {
  const { key, signIn, version } = loaded
  const userId = userIdOf(loaded.data)
  const known = signIn?.id ?? key
  if (known === null) return loaded
  const name = (what: string) => hash('sha256', `holdfast moved ${what}\0${known}\0${version}`, 'hex')
  // As unguessable as what it follows from, which nobody has but the visitor.
  const next =
    key ??
    BigInt(`0x${name('key')}`)
      .toString(36)
      .padStart(32, '0')
      .slice(-32)
  const signInId = loaded.id === null ? name('sign-in') : `${loaded.id}.${name('sign-in')}`
  return { ...loaded, key: next, signIn: userId === null ? undefined : { userId, id: signInId, epoch: 0 } }
}
