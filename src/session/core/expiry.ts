import type { Json } from './data.ts'

/** The clocks of a session; all ages are seconds. */
export interface ExpiryPolicy {
  /** Lifetime since the last save or touch (SESSION_COOKIE_AGE). */
  readonly cookieAge: number
  /** Longest time without activity; undefined for none. */
  readonly idleAge?: number | undefined
  /** Longest life since sign-in or creation, whatever the activity; undefined for none. */
  readonly absoluteAge?: number | undefined
  /** Whether the cookie ends with the browser unless the session says otherwise. */
  readonly atBrowserClose: boolean
  /** Share of the sliding window that passes before activity is written down again. */
  readonly touchAfter: number
}

// Clocks of several machines differ by less; more means that a clock was wrong.
const CLOCK_TOLERANCE = 60_000
// The last moment that a Date can hold; a later expiry would be no number to a database.
const LAST_MOMENT = 8.64e15

/** Seconds that a browser keeps a cookie at most: anything longer is cut to 400 days (RFC 6265bis, 5.5). */
export const MAX_COOKIE_AGE = 34_560_000

/** Where a session keeps an expiry of its own, as in Django. */
export const EXPIRY_KEY = '_session_expiry'

/**
 * What `setExpiry` stores: seconds verbatim, a date as ISO text that Python reads too.
 *
 * @throws RangeError for a number that leads to no date, or an invalid date.
 */
export function storedExpiry(value: number | Date): number | string {
  if (typeof value === 'number') {
    if (!(Math.abs(value) * 1000 < LAST_MOMENT / 2))
      throw new RangeError('An expiry must be a number of seconds that leads to a date')
    return value
  }
  return value.toISOString().replace('.000Z', 'Z').replace('Z', '+00:00')
}

/** Seconds until a session saved at `now` (ms) expires by the cookie age or its own expiry. */
export function expiryAge(policy: ExpiryPolicy, stored: Json | undefined, now: number): number {
  const date = fixedDate(stored)
  if (date !== undefined) return Math.floor((date - now) / 1000)
  return typeof stored === 'number' && stored !== 0 ? stored : policy.cookieAge
}

/** The moment at which that age is over. */
export function expiryDate(policy: ExpiryPolicy, stored: Json | undefined, now: number): Date {
  return new Date(Math.min(fixedDate(stored) ?? now + expiryAge(policy, stored, now) * 1000, LAST_MOMENT))
}

/** Whether the cookie lives only as long as the browser. */
export function closesWithBrowser(policy: ExpiryPolicy, stored: Json | undefined): boolean {
  return stored === undefined || stored === null ? policy.atBrowserClose : stored === 0 || stored === false
}

/** When the record dies (ms) if it is written at `now`: the earliest of all four clocks. */
export function deadline(policy: ExpiryPolicy, stored: Json | undefined, createdAt: number, now: number): number {
  return Math.floor(
    Math.min(
      expiryDate(policy, stored, now).getTime(),
      now + (policy.idleAge ?? Number.POSITIVE_INFINITY) * 1000,
      createdAt + (policy.absoluteAge ?? Number.POSITIVE_INFINITY) * 1000,
    ),
  )
}

/**
 * Whether a read at `now` is worth a touch: only after a share of the sliding window has passed, so
 * that sliding expiry does not cost a write per request. Tables without a last activity (0) go by how
 * far the expiry would move. What was written while a clock was ahead is corrected at once, or the idle age would not
 * count for as long.
 */
export function touchDue(
  policy: ExpiryPolicy,
  stored: Json | undefined,
  record: { createdAt: number; expires: number; lastActivity: number },
  now: number,
): boolean {
  const age = fixedDate(stored) === undefined ? expiryAge(policy, stored, now) : policy.cookieAge
  const window = Math.min(age, policy.idleAge ?? Number.POSITIVE_INFINITY) * 1000
  const moved = deadline(policy, stored, record.createdAt, now) - record.expires
  const quiet = record.lastActivity > 0 ? now - record.lastActivity : 0
  const ahead = record.lastActivity > 0 ? -quiet : -moved
  if (ahead > CLOCK_TOLERANCE) return true
  return Math.max(moved, quiet) >= policy.touchAfter * window
}

/** The moment (ms) that a date expiry names; undefined for seconds, for none, and for text that is no date. */
export function fixedDate(stored: Json | undefined): number | undefined {
  if (typeof stored !== 'string' || stored === '') return undefined
  // Without an offset Python means UTC here, JavaScript would mean local time.
  const date = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(stored) ? stored : `${stored}Z`)
  // Text that is no date (Django raises) falls back to the cookie age: it must not end in a 500.
  return Number.isNaN(date) ? undefined : date
}
