import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An answer that the cache keeps. */
export interface StoredAnswer {
  readonly url: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The request headers that Vary names, as they were. */
  readonly selected: Readonly<Record<string, string | undefined>>
  /** Milliseconds since 1970. */
  readonly freshUntil: number
}

/** A shared cache in front of a server. */
export interface SharedCache {
  readonly origin: string
  stored(): readonly StoredAnswer[]
  /** How many requests it has answered by itself, or after a 304. */
  hits(): number
  close(): void
}

// RFC 9110, 15.1. Of these a cache may guess how long they are fresh, as eager ones do.
const HEURISTIC = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
const HEURISTIC_MS = 60_000
const FINAL = new Set([...HEURISTIC, 302, 303, 307])

/**
 * As eager as RFC 9111 allows a shared cache to be: it keeps everything that it need not leave, guesses freshness, ignores
 * cookies unless Vary names them, answers HEAD from a GET, and revalidates with ETag.
 *
 * @param target the origin of the server behind it
 */
export async function startSharedCache(target: string): Promise<SharedCache> {
  const answers: StoredAnswer[] = []
  let hits = 0

  const server: Server = createServer((incoming, outgoing) => {
    void (async () => {
      const url = incoming.url ?? '/'
      const isRead = incoming.method === 'GET' || incoming.method === 'HEAD'
      const known = isRead ? answers.find((one) => one.url === url && matches(one, incoming.headers)) : undefined
      const send = ({ status, headers, body }: Pick<StoredAnswer, 'status' | 'headers' | 'body'>) => {
        outgoing.writeHead(status, headers)
        outgoing.end(incoming.method === 'HEAD' ? undefined : body)
      }
      const wantsNew = 'no-cache' in directives(incoming.headers['cache-control'])
      if (known !== undefined && !wantsNew && known.freshUntil > Date.now()) {
        hits++
        return send(known)
      }
      const etag = known?.headers.etag
      const own = incoming.headers['if-none-match'] === undefined && etag !== undefined
      const got = await forwarded(target, incoming, own ? { 'if-none-match': etag } : {})
      if (own && got.status === 304 && known !== undefined) {
        hits++
        return send(known)
      }
      if (!isRead && got.status < 400) remove(answers, (one) => one.url === url)
      const stored = incoming.method === 'GET' ? storable(url, incoming.headers, got) : undefined
      if (stored !== undefined) {
        remove(answers, (one) => one.url === url && matches(one, incoming.headers))
        answers.push(stored)
      }
      send(got)
    })().catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : undefined))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    stored: () => answers,
    hits: () => hits,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** RFC 9111, 3: what may be kept; section 4.2 for how long. */
function storable(
  url: string,
  asked: IncomingHttpHeaders,
  { status, headers, body }: Pick<StoredAnswer, 'status' | 'headers' | 'body'>,
): StoredAnswer | undefined {
  const control = directives(headers['cache-control'])
  if ('no-store' in control || 'private' in control || 'no-store' in directives(asked['cache-control'])) return
  const shared = 'public' in control || 's-maxage' in control || 'must-revalidate' in control
  if (asked.authorization !== undefined && !shared) return
  const names = (headers.vary ?? '').toLowerCase().split(',')
  if (names.some((name) => name.trim() === '*') || !FINAL.has(status)) return
  const selected = Object.fromEntries(
    names
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => [name, textOf(asked[name])]),
  )
  const age = control['s-maxage'] ?? control['max-age']
  const explicit = age === undefined ? expiryOf(headers) : Date.now() + Number(age) * 1000
  if (explicit === undefined && !HEURISTIC.has(status) && !('public' in control)) return
  const freshUntil = 'no-cache' in control ? 0 : (explicit ?? Date.now() + HEURISTIC_MS)
  return { url, status, headers, body, selected, freshUntil }
}

/** RFC 9111, 4.1: a header that was absent only matches an absent one. */
function matches({ selected }: StoredAnswer, asked: IncomingHttpHeaders): boolean {
  return Object.entries(selected).every(([name, value]) => textOf(asked[name]) === value)
}

function expiryOf({ expires }: IncomingHttpHeaders): number | undefined {
  if (expires === undefined) return undefined
  const time = Date.parse(expires)
  return Number.isNaN(time) ? 0 : time
}

function directives(text = ''): Record<string, string> {
  const pairs = text.split(',').map((part) => part.trim().toLowerCase().split('=', 2))
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value.replaceAll('"', '')]))
}

const textOf = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value)

function forwarded(target: string, incoming: IncomingMessage, more: Record<string, string>) {
  return new Promise<Pick<StoredAnswer, 'status' | 'headers' | 'body'>>((resolve, reject) => {
    const { method, headers, url } = incoming
    const { hostname, port } = new URL(target)
    const outgoing = request({ hostname, port, path: url, method, headers: { ...headers, ...more } }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: Buffer.concat(pieces) }),
      )
    })
    outgoing.on('error', reject)
    incoming.pipe(outgoing)
  })
}

function remove<T>(list: T[], which: (one: T) => boolean): void {
  for (let n = list.length - 1; n >= 0; n--) {
    const one = list[n]
    if (one !== undefined && which(one)) list.splice(n, 1)
  }
}
