/** What an engine cannot hold. Each sentence is in the document named, and each is asserted in the stories it concerns. */
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
    says: 'Of two changes that overlap, the one whose answer comes last wins.',
  },
  anonymousCopies: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'A logout ends every copy of a signed-in cookie. A copy of an anonymous one, and an older one of any live session, counts until its age or SESSION_COOKIE_REPLAY is over.',
  },
  lateCookie: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'After a change of key, a signed-in request that is under way with the old cookie reads, but its change is refused with a 409; an answer that was sent before and arrives later brings the old cookie back.',
  },
  lateAnonymous: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'The answer to what an anonymous visitor sent before signing in replaces the newer cookie in the browser if it comes later: after a change by the older, anonymous session, after a logout by none.',
  },
  noForwards: {
    engines: ['db, django', 'file, django'],
    document: 'docs/django.md',
    says: 'a change of key deletes the old record, if it is as it was read, and a request still under way with the old key is anonymous, its change a 409, and its logout ends nothing. A sign-in sent twice gives two sessions, one of them with the data.',
  },
  evictedForward: {
    engines: ['cache', 'cache on redis', 'cache on memcached'],
    document: 'docs/choosing-an-engine.md',
    says: 'Without CACHE_FALLBACK=db, an eviction may also take what leads from an old key to the new one, for REQUEST_TIMEOUT after a change of key. A late request with the old key is then anonymous: a change of it begins a session, whose cookie may replace the newer one, and a logout ends nothing.',
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
    says: 'A restored backup takes the sessions back in time: what was changed since is gone, and those ended since live again.',
  },
  restoredBehindCopies: {
    engines: ['cached_db', 'cached_db on redis', 'cached_db on memcached'],
    document: 'docs/choosing-an-engine.md',
    says: 'A restored backup of the database takes the sessions back in time: those ended since live again, and what was changed since is gone with the next change. Until then the cache may show it, for SESSION_CACHE_TIMEOUT: empty it as well.',
  },
  restoredEndings: {
    engines: IN_COOKIES,
    document: 'docs/choosing-an-engine.md',
    says: 'A restored backup of the database forgets which sign-ins were ended since: copies of their cookies count again, until their age or SESSION_COOKIE_REPLAY is over.',
  },
  oneMachine: {
    engines: ['file', 'file, django'],
    document: 'docs/choosing-an-engine.md',
    says: 'It is for one machine. Several may share a folder if their clocks agree to a second.',
  },
} as const satisfies Record<string, Exception>

export type ExceptionName = keyof typeof EXCEPTIONS

/** The exception among these that this engine has. */
export function exceptionOf<Name extends ExceptionName>(engine: string, names: readonly Name[]): Name | undefined {
  return names.find((name) => (EXCEPTIONS[name] as Exception).engines.includes(engine))
}
