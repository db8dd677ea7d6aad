import { Agent, type IncomingMessage, request } from 'node:http'
import { gunzipSync } from 'node:zlib'

/** A response, with its body as text. */
export interface TextResponse {
  readonly status: number
  readonly headers: Pick<Headers, 'get' | 'has' | 'getSetCookie'>
  readonly text: string
}

/** What a request may have; URLSearchParams are sent as a form. */
export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
}

// Unused connections are closed before any server does so, because a request on one that is being closed fails.
const agent = new Agent({ keepAlive: true, timeout: 2000 })
const FORM = { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }

/** Sends a request, without following redirects. `fetch` takes four times the CPU time, and most tests send many requests. */
export async function send(url: string, { method = 'GET', headers, body }: RequestOptions = {}): Promise<TextResponse> {
  const form = body instanceof URLSearchParams ? FORM : {}
  return await new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: { accept: '*/*', 'user-agent': 'node', ...form, ...headers } })
    sent.once('error', reject)
    sent.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const { statusCode: status = 0 } = response
        resolve({ status, headers: headersOf(response), text: textOf(response, Buffer.concat(chunks)) })
      })
    })
    sent.end(body?.toString())
  })
}

function textOf({ headers }: IncomingMessage, body: Buffer): string {
  const compressed = headers['content-encoding'] === 'gzip' && body.length > 0
  return (compressed ? gunzipSync(body) : body).toString()
}

/** As `fetch` gives them. */
function headersOf({ headersDistinct: lines }: IncomingMessage): TextResponse['headers'] {
  const get = (name: string) => lines[name.toLowerCase()]?.join(', ') ?? null
  return { get, has: (name) => get(name) !== null, getSetCookie: () => lines['set-cookie'] ?? [] }
}
