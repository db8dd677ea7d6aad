import { emptyData, type SessionData } from '../../core/data.ts'
import { SessionTooLargeError } from '../../core/errors.ts'

/** What happens when a session outgrows its cookie. */
export interface OverflowPolicy {
  /** Most characters of the cookie's value. */
  readonly maxSize: number
  /** `error` refuses the change with a 413; `degrade` first drops keys that were declared as those that may go. */
  readonly overflow: 'error' | 'degrade'
  /** Keys and slices that may go, in the order in which they go. Nothing else is ever dropped. */
  readonly dropOrder: readonly string[]
}

/** A session that fits. */
export interface Fitted {
  readonly cookie: string
  readonly data: SessionData
  /** What had to go, in that order. */
  readonly dropped: readonly string[]
  /** What the cookie would have taken with everything in it. */
  readonly bytes: number
}

/** @throws RangeError for a key that must never go: those with `_` say who is signed in and how long. */
export function checkDropOrder(dropOrder: readonly string[]): void {
  const kept = dropOrder.find((key) => key.startsWith('_'))
  if (kept !== undefined) throw new RangeError(`"${kept}" cannot be dropped: keys starting with "_" are reserved`)
}

/**
 * The session as a cookie, without as few of the declared keys as their order allows.
 *
 * @throws SessionTooLargeError when even that is too large
 */
export function fitted(data: SessionData, encode: (data: SessionData) => string, policy: OverflowPolicy): Fitted {
  const { maxSize, overflow, dropOrder } = policy
  const droppable = overflow === 'degrade' ? dropOrder.filter((key) => data[key] !== undefined) : []
  let kept = data
  let bytes = 0
  for (let drop = 0; drop <= droppable.length; drop++) {
    const tried = measured(kept, encode)
    bytes ||= tried.bytes
    if (tried.cookie !== undefined && tried.bytes <= maxSize) {
      return { cookie: tried.cookie, data: kept, dropped: droppable.slice(0, drop), bytes }
    }
    kept = without(kept, droppable[drop])
  }
  throw new SessionTooLargeError(bytes, maxSize)
}

/** A session over the codec's own limit has no cookie, but may have one when some of it is gone. */
function measured(data: SessionData, encode: (data: SessionData) => string): { cookie?: string; bytes: number } {
  try {
    const cookie = encode(data)
    return { cookie, bytes: cookie.length }
  } catch (error) {
    if (error instanceof SessionTooLargeError) return { bytes: error.bytes }
    throw error
  }
}

function without(data: SessionData, key: string | undefined): SessionData {
  const rest = Object.assign(emptyData(), data)
  if (key !== undefined) delete rest[key]
  return rest
}
