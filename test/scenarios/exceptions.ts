/** The limits of engines. Each sentence is in its document, and is asserted by the scenarios it concerns. */
export interface Exception {
  readonly engines: readonly string[]
  readonly document: 'docs/choosing-an-engine.md' | 'docs/django.md'
  readonly says: string
}

const IN_COOKIES = ['signed_cookies', 'signed_cookies, django', 'hybrid']

export const EXCEPTIONS = {
  lastAnswerWins: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'Of two overlapping changes, the one whose response arrives last wins.',
  },
  anonymousCopies: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'A logout ends every copy of a signed-in cookie. Copies of anonymous cookies, and older copies of live sessions, stay valid until their age or SESSION_COOKIE_REPLAY is over.',
  },
  lateCookie: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'After a change of key, a signed-in request in flight with the old cookie can read, but its change is refused with a 409; a response that was sent before and arrives later restores the old cookie in the browser.',
  },
  lateAnonymous: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'The response to a request that an anonymous visitor sent before signing in replaces the newer cookie in the browser if it arrives later: after a change with the cookie of the older, anonymous session, after a logout with none.',
  },
  noForwards: {
    engines: ['db, django', 'file, django'],
    document: 'docs/django.md',
    says: 'a change of key deletes the old record at the version that was read. A request under way with the old key is anonymous, its change is a 409, and its logout ends nothing. A sign-in that is sent twice gives two sessions, one of them with the data.',
  },
  evictedForward: {
    engines: ['cache', 'cache on redis', 'cache on memcached'],
    document: 'docs/choosing-an-engine.md',
    says: 'Without CACHE_FALLBACK=db, within REQUEST_TIMEOUT and 30 seconds after a change of key, the cache may also evict the forward from the old key to the new one. A late request with the old key is then anonymous: if it changes the session, a new one begins, whose cookie may replace the newer one, and a logout ends nothing.',
  },
  restoredBackup: {
    engines: [
      'db',
      'db, django',
      'db on PostgreSQL',
      'db on MariaDB',
      'cache on redis',
      'file',
      'file, django',
      'hybrid, in its record',
    ],
    document: 'docs/choosing-an-engine.md',
    says: 'A restored backup resets the sessions to its time: later changes are lost, and sessions ended since are valid again.',
  },
  restoredBehindCopies: {
    engines: ['cached_db', 'cached_db on redis', 'cached_db on memcached'],
    document: 'docs/choosing-an-engine.md',
    says: 'A restored backup of the database resets the sessions to its time: sessions ended since are valid again, and later changes are lost with the next save. Until then the cache may show them, for SESSION_CACHE_TIMEOUT: empty it as well.',
  },
  restoredEndings: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'After restoring a backup of the database, sign-ins that were ended since are valid again: copies of their cookies work until their age or SESSION_COOKIE_REPLAY is over.',
  },
  oneMachine: {
    engines: ['file', 'file, django'],
    document: 'docs/choosing-an-engine.md',
    says: 'Only processes of one machine and one container may share the folder. With others, changes can be lost and ended sessions can come back.',
  },
} as const satisfies Record<string, Exception>

export type ExceptionName = keyof typeof EXCEPTIONS

/** The exception among these that this engine has. */
export function exceptionOf<Name extends ExceptionName>(engine: string, names: readonly Name[]): Name | undefined {
  return names.find((name) => (EXCEPTIONS[name] as Exception).engines.includes(engine))
}
