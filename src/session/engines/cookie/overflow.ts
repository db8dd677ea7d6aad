import { emptyData, type SessionData } from '../../core/data.ts'
import { SessionTooLargeError } from '../../core/errors.ts'

/** What happens to a session that exceeds its cookie. */
export interface OverflowPolicy {
  /** Maximum characters of the cookie's value. */
  readonly maxSize: number
  /** `error` refuses the change with a 413; `degrade` first drops keys of `dropOrder`. */
  readonly overflow: 'error' | 'degrade'
  /** Keys and slices that may be dropped, first ones first. */
  readonly dropOrder: readonly string[]
}

/** A session that fits. */
export interface FittedCookie {
  readonly cookie: string
  readonly data: SessionData
  /** The dropped keys, in that order. */
  readonly dropped: readonly string[]
  /** The size of the cookie with nothing dropped. */
  readonly bytes: number
}

/** Checks a `dropOrder`. @throws RangeError for keys starting with `_`, which hold the sign-in and its expiry */
export function checkDropOrder(dropOrder: readonly string[]): void {
  const kept = dropOrder.find((key) => key.startsWith('_'))
  if (kept !== undefined) throw new RangeError(`"${kept}" cannot be dropped: keys starting with "_" are reserved`)
}

/**
 * Encodes a session within the limit, dropping as few keys as possible.
 *
 * @throws SessionTooLargeError if it is still too large
 */
export function fitCookie(
  data: SessionData,
  encode: (data: SessionData) => string,
  policy: OverflowPolicy,
): FittedCookie {
  const { maxSize, overflow, dropOrder } = policy
  const droppable = overflow === 'degrade' ? dropOrder.filter((key) => data[key] !== undefined) : []
  let kept = data
  let bytes = 0
  for (let drop = 0; drop <= droppable.length; drop++) {
    const attempt = measure(kept, encode)
    bytes ||= attempt.bytes
    if (attempt.cookie !== undefined && attempt.bytes <= maxSize) {
      return { cookie: attempt.cookie, data: kept, dropped: droppable.slice(0, drop), bytes }
    }
    kept = without(kept, droppable[drop])
  }
  throw new SessionTooLargeError(bytes, maxSize)
}

/** Above the codec's limit there is no cookie, but there may be one after dropping keys. */
function measure(data: SessionData, encode: (data: SessionData) => string): { cookie?: string; bytes: number } {
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
