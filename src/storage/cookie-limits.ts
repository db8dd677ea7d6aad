/** Limits of every session in a cookie. */
export const COOKIE_LIMITS: readonly string[] = [
  'Of two overlapping changes, the one whose response arrives last wins.',
  'A logout ends every copy of a signed-in cookie. Copies of anonymous cookies, and older copies of live sessions, stay valid until their age or SESSION_COOKIE_REPLAY is over.',
  'After a change of key, a signed-in request in flight with the old cookie can read, but its change is refused with a 409; a response that was sent before and arrives later restores the old cookie in the browser.',
  'After restoring a backup of the database, sign-ins that were ended since are valid again: copies of their cookies work until their age or SESSION_COOKIE_REPLAY is over.',
  'The response to a request that an anonymous visitor sent before signing in replaces the newer cookie in the browser if it arrives later: after a change with the cookie of the older, anonymous session, after a logout with none.',
]
