import type { Json, SessionData } from './data.ts'
import { userIdOf } from './user.ts'

/**
 * How long sessions live; all ages are seconds.
 *
 * @example
 * const expiry: ExpiryPolicy = { cookieAge: 1_209_600, idleAge: 3600, atBrowserClose: false, touchAfter: 0.1 }
 */
export interface ExpiryPolicy {
  /** Lifetime since the last save or touch (SESSION_COOKIE_AGE). */
  readonly cookieAge: number
  /** Maximum seconds without activity; unlimited by default. */
  readonly idleAge?: number | undefined
  /** Maximum seconds since sign-in, regardless of activity; unlimited by default, and for anonymous sessions. */
  readonly absoluteAge?: number | undefined
  /** Whether the cookie ends with the browser, unless the session has a custom expiry. */
  readonly atBrowserClose: boolean
  /** Share (0 to 1) of the sliding window after which activity is written again. */
  readonly touchAfter: number
}

// Clocks of servers differ by less; a larger difference means that a clock was wrong.
const CLOCK_TOLERANCE = 60_000
// The maximum of a Date; a later expiry would be NaN.
const MAX_DATE_MS = 8.64e15

/** Maximum seconds of a cookie: browsers cut longer ages to 400 days (RFC 6265bis, 5.5). */
export const MAX_COOKIE_AGE = 34_560_000

/** The session key of a custom expiry, as in Django. */
export const EXPIRY_KEY = '_session_expiry'

/**
 * The stored form of a custom expiry: seconds as they are, a date as ISO text that Python can parse.
 *
 * @throws RangeError for an invalid date, or seconds that lead to one
 */
export function storedExpiry(value: number | Date): number | string {
  if (typeof value === 'number') {
    if (!(Math.abs(value) * 1000 < MAX_DATE_MS / 2))
      throw new RangeError('An expiry must be a number of seconds that leads to a date')
    return value
  }
  return value.toISOString().replace('.000Z', 'Z').replace('Z', '+00:00')
}

/** Seconds until a session saved at `now` (ms) expires by the cookie age or its custom expiry. */
export function expiryAge(policy: ExpiryPolicy, stored: Json | undefined, now: number): number {
  const date = fixedDate(stored)
  if (date !== undefined) return Math.floor((date - now) / 1000)
  return typeof stored === 'number' && stored !== 0 ? stored : policy.cookieAge
}

/** The date at which that age ends. */
export function expiryDate(policy: ExpiryPolicy, stored: Json | undefined, now: number): Date {
  return new Date(expiryTime(policy, stored, now))
}

function expiryTime(policy: ExpiryPolicy, stored: Json | undefined, now: number): number {
  return Math.min(fixedDate(stored) ?? now + expiryAge(policy, stored, now) * 1000, MAX_DATE_MS)
}

/** Whether the cookie lives only as long as the browser. */
export function closesWithBrowser(policy: ExpiryPolicy, stored: Json | undefined): boolean {
  return stored === undefined || stored === null ? policy.atBrowserClose : stored === 0 || stored === false
}

/** When a record with these data expires (ms) if it is written at `now`: the earliest of all limits. */
export function deadline(policy: ExpiryPolicy, data: SessionData, createdAt: number, now: number): number {
  return Math.floor(
    Math.min(
      expiryTime(policy, data[EXPIRY_KEY], now),
      now + (policy.idleAge ?? Number.POSITIVE_INFINITY) * 1000,
      createdAt + (absoluteAge(policy, data) ?? Number.POSITIVE_INFINITY) * 1000,
    ),
  )
}

/** The maximum seconds since sign-in of a session with these data; undefined if it has none, as an anonymous one. */
export function absoluteAge(policy: ExpiryPolicy, data: SessionData): number | undefined {
  return userIdOf(data) === null ? undefined : policy.absoluteAge
}

/**
 * Whether a read at `now` (ms) should write the activity: only after a share of the sliding window, so that sliding expiry
 * does not cost a write per request. Without a last activity (0) it depends on how far the expiry would move. A last
 * activity in the future, from a wrong clock, is corrected at once.
 */
export function touchDue(
  policy: ExpiryPolicy,
  data: SessionData,
  record: { createdAt: number; expires: number; lastActivity: number },
  now: number,
): boolean {
  const stored = data[EXPIRY_KEY]
  const age = fixedDate(stored) === undefined ? expiryAge(policy, stored, now) : policy.cookieAge
  const window = Math.min(age, policy.idleAge ?? Number.POSITIVE_INFINITY) * 1000
  const moved = deadline(policy, data, record.createdAt, now) - record.expires
  const quiet = record.lastActivity > 0 ? now - record.lastActivity : 0
  const ahead = record.lastActivity > 0 ? -quiet : -moved
  if (ahead > CLOCK_TOLERANCE) return true
  return Math.max(moved, quiet) >= policy.touchAfter * window
}

/** The time (ms) of an expiry that is a date; undefined for seconds, none, and invalid text. */
export function fixedDate(stored: Json | undefined): number | undefined {
  if (typeof stored !== 'string' || stored === '') return undefined
  // Without an offset Python means UTC here, JavaScript would mean local time.
  const date = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(stored) ? stored : `${stored}Z`)
  // Invalid text (Django raises) falls back to the cookie age, because stored data must not cause a 500.
  return Number.isNaN(date) ? undefined : date
}
