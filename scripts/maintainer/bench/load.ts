import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'
import { answerParent } from './child.ts'
import { checkChanges, checkLogin } from './saved.ts'
import { BODY, type Kind } from './session-pages.ts'
import { usageAtRest, usageOf } from './usage.ts'
import { beginSessions, newCookie, type Visitor } from './visitors.ts'

/** Requests one page as often as possible. */
export interface LoadRequest {
  readonly origin: string
  readonly kind: Kind
  readonly sessions: number
  readonly connections: number
  readonly seconds: number
  /** The page that begins a session; `begin` by default. */
  readonly begin?: string
  /** Whether the candidate has sessions, so that saves can be checked. */
  readonly hasSessions: boolean
  /** Whether the key before a login must be worth nothing after it. */
  readonly revokes: boolean
}

export interface LoadAnswer {
  /** Answers of status 2xx. */
  readonly requests: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of CPU time of the server per response, including its background work. */
  readonly cpu: number
  /** How many answers were wrong, by what was wrong with them; empty when all was well. */
  readonly wrong: Readonly<Record<string, number>>
}

// The load ends at a sample: with autocannon's whole second, short measurements would be longer than asked.
const SAMPLE_INTERVAL_MS = 100

answerParent<LoadRequest, LoadAnswer>(async (request) => {
  const visitors = await beginSessions(request.origin, request.sessions, request.begin)
  const before = await usageOf(request.origin)
  const measured = await measure(request, visitors)
  // Only then may the next server be measured, which is on the same core. Without sessions nothing is left to do.
  const after = await (request.hasSessions ? usageAtRest : usageOf)(request.origin)
  const notSaved = request.hasSessions ? await findUnsaved(request, visitors, measured.requests) : {}
  return {
    ...measured,
    cpu: (after.cpu - before.cpu) / Math.max(1, measured.requests),
    wrong: { ...measured.wrong, ...notSaved, ...counted(`error: ${after.lastError}`, after.errors - before.errors) },
  }
})

async function findUnsaved(request: LoadRequest, visitors: readonly Visitor[], answered: number) {
  const { origin, kind, connections, revokes } = request
  if (kind === 'change') return await checkChanges(origin, visitors, answered, connections)
  if (kind === 'login') return await checkLogin(origin, revokes)
  return {}
}

async function measure(request: LoadRequest, visitors: readonly Visitor[]): Promise<Omit<LoadAnswer, 'cpu'>> {
  const { origin, kind, connections, seconds, hasSessions } = request
  const mustRenew = kind === 'login' && hasSessions
  // Autocannon's own histogram knows whole milliseconds only.
  const latencies = createHistogram()
  let clients = 0
  let unrenewed = 0
  const setupClient = (client: autocannon.Client) => {
    // Connections do not share sessions: conflicts are for the tests.
    const first = clients++
    const connectionVisitors = visitors.filter((_, index) => index % connections === first)
    client.setRequests(connectionVisitors.map(({ cookie }) => ({ headers: { cookie } })))
    if (kind === 'none' || kind === 'read') return
    let turn = 0
    client.on('headers', (head) => {
      const visitor = connectionVisitors[turn++ % connectionVisitors.length]
      const cookie = newCookie(head)
      if (visitor === undefined) return
      if (mustRenew && (cookie === undefined || cookie === visitor.cookie)) unrenewed++
      if (cookie === undefined || cookie === visitor.cookie) return
      visitor.cookie = cookie
      client.setHeaders({ cookie })
    })
  }
  const method = kind === 'none' || kind === 'read' ? 'GET' : 'POST'
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const settings = {
      url: `${origin}/${kind}`,
      method,
      connections,
      duration: seconds,
      sampleInt: SAMPLE_INTERVAL_MS,
    } as const
    const instance = autocannon({ ...settings, expectBody: BODY, setupClient }, (error, done) =>
      error ? reject(error) : resolve(done),
    )
    instance.on('response', (_client, _status, _bytes, milliseconds) =>
      latencies.record(Math.max(1, Math.round(milliseconds * 1000))),
    )
  })
  return {
    requests: result['2xx'],
    seconds: result.duration,
    p50: latencies.percentile(50) / 1000,
    p99: latencies.percentile(99) / 1000,
    wrong: {
      ...wrongStatuses(result),
      ...counted('another body', result.mismatches),
      ...counted('no answer', result.errors),
      ...counted('the key from before the login', unrenewed),
    },
  }
}

function wrongStatuses({ statusCodeStats }: autocannon.Result): Record<string, number> {
  const wrong = Object.entries(statusCodeStats ?? {}).filter(([status]) => status !== '200')
  return Object.fromEntries(wrong.map(([status, { count = 0 }]) => [`status ${status}`, count]))
}

function counted(what: string, count: number): Record<string, number> {
  return count === 0 ? {} : { [what]: count }
}
