import { hash } from 'node:crypto'
import { emptyData, type SessionData } from '../../core/data.ts'
import { userIdOf } from '../../core/user.ts'
import type { Loaded } from '../engine.ts'
import type { MigratingSession } from './migratable.ts'

// These keys and the texts below are stored: they must stay as they are for processes of older versions.
const MARK_KEY = '_session_moving'
const TRACE_KEY = '_session_moved_from'

/** The mark of a session in the target while its migration is not decided; sessions in cookies have none. */
export function markOf({ data }: Loaded): string | undefined {
  const mark = data[MARK_KEY]
  return typeof mark === 'string' ? mark : undefined
}

/** The key or sign-in id that stays in the source for requests under way, so that a logout ends it as well. */
export function traceOf({ data }: Loaded): string | undefined {
  const trace = data[TRACE_KEY]
  return typeof trace === 'string' ? trace : undefined
}

/** The data as they are first stored in the target. */
export function marked(data: SessionData, mark: string | undefined, trace: string | null): SessionData {
  const whole = Object.assign(emptyData(), data, trace === null ? {} : { [TRACE_KEY]: trace })
  if (mark !== undefined) whole[MARK_KEY] = mark
  return whole
}

/** The session without its mark, after its migration is decided. */
export function unmarked(loaded: Loaded): Loaded {
  const data = Object.assign(emptyData(), loaded.data)
  delete data[MARK_KEY]
  return { ...loaded, data }
}

/** The prefix of marks for this state of a session: text that no codec accepts as data. */
export function prefixOf({ version }: Loaded): string {
  return `moving ${hash('sha256', String(version), 'base64url')} `
}

/** A session with its key and sign-in in the target, which are derived so that overlapping requests get the same ones. */
export function asMigratingSession(loaded: MigratingSession): MigratingSession {
  const { key, signIn, version } = loaded
  const userId = userIdOf(loaded.data)
  const known = signIn?.id ?? key
  if (known === null) return loaded
  const name = (what: string) => hash('sha256', `holdfast moved ${what}\0${known}\0${version}`, 'hex')
  // As hard to guess as the secret that it is derived from, which only the visitor has.
  const next =
    key ??
    BigInt(`0x${name('key')}`)
      .toString(36)
      .padStart(32, '0')
      .slice(-32)
  const signInId = loaded.id === null ? name('sign-in') : `${loaded.id}.${name('sign-in')}`
  return { ...loaded, key: next, signIn: userId === null ? undefined : { userId, id: signInId, epoch: 0 } }
}
