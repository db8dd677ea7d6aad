/** What no engine can promise for a session in a cookie. */
export const COOKIE_EXCEPTIONS: readonly string[] = [
  'Of two changes that overlap, the one whose answer comes last wins.',
  'A logout ends every copy of a signed-in cookie. A copy of an anonymous one, and an older one of any live session, counts until its age or SESSION_COOKIE_REPLAY is over.',
  'After a change of key, a signed-in request that is under way with the old cookie reads, but its change is refused with a 409; an answer that was sent before and arrives later brings the old cookie back.',
  'A restored backup of the database forgets which sign-ins were ended since: copies of their cookies count again, until their age or SESSION_COOKIE_REPLAY is over.',
  'The answer to what an anonymous visitor sent before signing in replaces the newer cookie in the browser if it comes later: after a change by the older, anonymous session, after a logout by none.',
]
