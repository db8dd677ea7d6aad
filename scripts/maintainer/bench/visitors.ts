import { BODY, type State } from './session-pages.ts'

/** A visitor with a session: the Cookie header. */
export interface Visitor {
  cookie: string
}

const MAX_CONCURRENT = 32

/**
 * @param page with what the sessions shall have beside the usual, as its query
 * @throws Error if the server does not set a cookie for every visitor
 */
export async function beginSessions(origin: string, count: number, page = 'begin'): Promise<Visitor[]> {
  return await inBatches(Array(count).fill(undefined), async () => {
    const visitor = { cookie: '' }
    const { status, body } = await post(origin, page, visitor)
    if (status !== 200 || body !== BODY || visitor.cookie === '') {
      throw new Error(`No session could be begun (status ${status}).`)
    }
    return visitor
  })
}

/** Requests a page that changes the session, and keeps the cookie of the response. */
export async function post(origin: string, page: string, visitor: Visitor): Promise<{ status: number; body: string }> {
  const response = await fetch(`${origin}/${page}`, { method: 'POST', headers: { cookie: visitor.cookie } })
  const lines = response.headers.getSetCookie()
  if (lines.length > 0) visitor.cookie = cookieHeader(lines)
  return { status: response.status, body: await response.text() }
}

/** The state of this session on the server; undefined if it has none. */
export async function stateOf(origin: string, { cookie }: Visitor): Promise<State | undefined> {
  const response = await fetch(`${origin}/state`, { headers: { cookie } })
  const state = (await response.json()) as State
  return response.status === 200 ? state : undefined
}

/** The states of many visitors. */
export async function statesOf(origin: string, visitors: readonly Visitor[]): Promise<(State | undefined)[]> {
  return await inBatches(visitors, (visitor) => stateOf(origin, visitor))
}

/** Set-Cookie lines as the Cookie header of the next request. */
export function cookieHeader(lines: readonly string[]): string {
  return lines.map((line) => line.split(';', 1)[0]).join('; ')
}

/**
 * The Cookie header after a response that sets cookies; otherwise undefined.
 *
 * @param head what autocannon's parser gives, whatever its types say: names and values in turn
 */
export function newCookie(head: unknown): string | undefined {
  const { headers } = head as { headers: readonly string[] }
  const lines = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'set-cookie')
  return lines.length === 0 ? undefined : cookieHeader(lines)
}

async function inBatches<T, Result>(items: readonly T[], work: (item: T) => Promise<Result>): Promise<Result[]> {
  const left = [...items]
  const results: Result[] = []
  while (left.length > 0) results.push(...(await Promise.all(left.splice(0, MAX_CONCURRENT).map(work))))
  return results
}
