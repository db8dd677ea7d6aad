import { type IncomingMessage, request } from 'node:http'

/** A response; or `refused` if nothing was sent, `cut` if what was sent has no complete response. */
export type Reply =
  | { readonly status: number; readonly cookies: readonly string[]; readonly text: string }
  | 'refused'
  | 'cut'

/** What is sent; a body is sent as JSON. */
export interface Question {
  readonly port: number
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly cookie?: string
  readonly body?: object
  /** Milliseconds until the client goes away. */
  readonly timeout: number
}

/** Sends a request on a connection of its own: one that is used again may be closed at that moment. */
export function ask({ port, method, path, cookie, body, timeout }: Question): Promise<Reply> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    accept: 'application/json',
    connection: 'close',
    ...(cookie ? { cookie } : {}),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  }
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
    const timer = setTimeout(() => sent.destroy(), timeout)
    const settle = (reply: Reply) => {
      clearTimeout(timer)
      resolve(reply)
    }
    sent.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED' ? 'refused' : 'cut'))
    sent.once('close', () => settle('cut'))
    sent.once('response', (response: IncomingMessage) => {
      let received = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        received += chunk
      })
      response.once('error', () => settle('cut'))
      response.once('end', () => {
        const { statusCode: status = 0, headersDistinct } = response
        settle(response.complete ? { status, cookies: headersDistinct['set-cookie'] ?? [], text: received } : 'cut')
      })
    })
    sent.end(text)
  })
}
