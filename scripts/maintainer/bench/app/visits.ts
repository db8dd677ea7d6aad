import autocannon from 'autocannon'
import { newCookie, type Visitor } from '../visitors.ts'
import { FORWARDED } from './application.ts'

const FORM = 'application/x-www-form-urlencoded'

const save = (theme: string) =>
  ({ method: 'POST', path: '/preferences', body: `theme=${theme}`, headers: { 'content-type': FORM } }) as const
const preferences = { method: 'GET', path: '/preferences' } as const

/** What signed-in visitors do, again and again. */
export const VISITS = {
  /** A page with the layout, the user and the preferences. */
  'read a page': [{ method: 'GET', path: '/account' }],
  /** A form that is saved, and then shown with a message. */
  'save a form, read a page': [save('dark'), preferences, save('light'), preferences],
} as const satisfies Readonly<Record<string, readonly Partial<autocannon.Request>[]>>

export interface VisitsAnswer {
  readonly pages: number
  readonly seconds: number
  readonly p99: number
  readonly wrong: number
}

/** Each visitor has one connection. */
export async function visit(
  origin: string,
  name: keyof typeof VISITS,
  visitors: readonly Visitor[],
  seconds: number,
): Promise<VisitsAnswer> {
  let clients = 0
  const setupClient = (client: autocannon.Client) => {
    const visitor = visitors[clients++ % visitors.length]
    if (visitor === undefined) return
    const withCookie = () =>
      VISITS[name].map((request) => ({
        ...request,
        headers: { ...FORWARDED, ...('headers' in request ? request.headers : {}), cookie: visitor.cookie },
      }))
    client.setRequests(withCookie())
    client.on('headers', (head) => {
      const cookie = newCookie(head)
      if (cookie === undefined || cookie === visitor.cookie) return
      visitor.cookie = cookie
      // Not setRequests, which begins with the first one.
      client.setHeaders({ ...FORWARDED, 'content-type': FORM, cookie })
    })
  }
  const result = await autocannon({
    url: origin,
    connections: visitors.length,
    duration: seconds,
    sampleInt: 100,
    setupClient,
  })
  const redirects = name === 'read a page' ? 0 : (result.statusCodeStats?.['303']?.count ?? 0)
  const right = result['2xx'] + redirects
  const all = result['1xx'] + result['2xx'] + result['3xx'] + result['4xx'] + result['5xx']
  return {
    pages: right,
    seconds: result.duration,
    p99: result.latency.p99,
    wrong: all - right + result.errors + result.timeouts,
  }
}
