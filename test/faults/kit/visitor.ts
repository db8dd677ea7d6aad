import type { Reply } from './ask.ts'

const MAX_FORMER = 5

/** One person's browser; its tabs are clients that share the cookies. */
export class Visitor {
  readonly user: string
  readonly cookies = new Map<string, string>()
  /** The session that the cookies stand for; null if none. */
  session: string | null = null
  /** A logout was sent and not acknowledged. */
  ending = false
  /** Earlier cookies of this session. */
  #former: string[] = []
  /** Cookies of sessions that have ended. */
  readonly ghosts: { readonly cookie: string; readonly session: string }[] = []

  constructor(user: string) {
    this.user = user
  }

  get cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Takes the cookies of an answer, as a browser does. */
  keep(reply: Reply): void {
    if (typeof reply === 'string' || reply.cookies.length === 0) return
    if (this.session !== null) this.#former.push(this.cookie)
    for (const line of reply.cookies) {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(line) ?? []
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
  }

  /** Called when the session is seen to have ended. */
  over(session: string): void {
    if (this.session !== session) return
    for (const cookie of [...this.#former.slice(-MAX_FORMER), this.cookie]) this.ghosts.push({ cookie, session })
    this.#former = []
    this.session = null
    this.ending = false
  }
}
