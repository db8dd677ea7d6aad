import type { Middleware } from 'koa'
import { CookieJar } from 'tough-cookie'
import { z } from 'zod'
import { serve } from '../koa.ts'

/** A site that executes commands on the session. */
export interface Site {
  readonly name: string
  readonly origin: string
}

/** The body of a request to a site. */
export const told = z.object({
  action: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  hold: z.string().nullable(),
})

const answer = z.object({
  data: z.record(z.string(), z.unknown()).default({}),
  user: z.string().nullable().default(null),
  cookiesWork: z.boolean().default(false),
})

/** A browser that both sites know by one cookie, as they do under one host name. */
export class Visitor {
  readonly #jar: CookieJar

  /** @param jar cookies to share with another client */
  constructor(jar = new CookieJar()) {
    this.#jar = jar
  }

  /** Executes a command on the visitor's session. */
  async at(site: Site, action: string, parameters: Record<string, unknown> = {}) {
    const { status, ...rest } = await this.attempt(site, action, parameters)
    if (status !== 200) throw new Error(`${site.name} answers ${action} with ${status}`)
    return rest
  }

  /**
   * The same where it may fail.
   *
   * @param during what happens between the site's loading of the session and its change
   */
  async attempt(site: Site, action: string, parameters: Record<string, unknown> = {}, during?: () => Promise<unknown>) {
    const answerAfter: Middleware = async (ctx) => {
      await during?.()
      ctx.body = 'go on'
    }
    const gate = during && (await serve(answerAfter))
    try {
      const response = await fetch(site.origin, {
        method: 'POST',
        headers: { cookie: await this.#jar.getCookieString(site.origin), 'content-type': 'application/json' },
        body: JSON.stringify({ action, parameters, hold: gate?.origin ?? null }),
      })
      const text = await response.text()
      for (const header of response.headers.getSetCookie()) await this.#jar.setCookie(header, site.origin)
      return { status: response.status, ...answer.parse(response.ok ? JSON.parse(text) : {}) }
    } finally {
      gate?.close()
    }
  }

  async read(site: Site): Promise<Record<string, unknown>> {
    return (await this.at(site, 'read')).data
  }

  /** The session cookie, or undefined. */
  async cookie(site: Site) {
    return (await this.#jar.getCookies(site.origin)).find(({ key }) => key === 'sessionid')
  }

  /** Another browser with a copy of the cookies that this one has now. */
  async copy(): Promise<Visitor> {
    return new Visitor(await this.#jar.clone())
  }
}
