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
    says: 'After a change of key, a request that is under way with the old cookie reads, but its change is refused with a 409; an answer that was sent before and arrives later brings the old cookie back.',
  },
  noForwards: {
    engines: ['db, django'],
    document: 'docs/django.md',
    says: 'a change of key deletes the old record, if it is as it was read, and a request still under way with the old key is anonymous, its change a 409, and its logout ends nothing. A sign-in sent twice gives two sessions, one of them with the data.',
  },
} as const satisfies Record<string, Exception>

export type ExceptionName = keyof typeof EXCEPTIONS

/** The exception among these that this engine has. */
export function exceptionOf<Name extends ExceptionName>(engine: string, names: readonly Name[]): Name | undefined {
  return names.find((name) => (EXCEPTIONS[name] as Exception).engines.includes(engine))
}
