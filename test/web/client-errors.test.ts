import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import pino from 'pino'
import { createApp } from '../../src/app.ts'
import { startApp } from '../support/app.ts'
import { postPaths } from '../support/routes.ts'

const FORM = 'application/x-www-form-urlencoded'
const ERROR = 50
// Any route that takes a body.
const [PATH = ''] = await postPaths()
const whereBodiesAreTaken = PATH === '' ? test.skip : test

interface Line {
  readonly level: number
  readonly msg: string
  readonly path?: string
  readonly status?: number
}

/** The application with its log in hand: at the end of the test there must be no line of an error in it. */
async function logged(t: ExecutionContext) {
  const app = await startApp()
  const lines: Line[] = []
  const told = new EventEmitter()
  const log = pino(
    { level: 'debug' },
    {
      write(text: string) {
        const line: Line = JSON.parse(text)
        lines.push(line)
        told.emit('line', line)
      },
    },
  )
  const server = createServer((await createApp({ ...app.services, log })).callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    server.closeAllConnections()
    await app.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    /** The line of the request for this path, once it is there. */
    async request(path: string): Promise<Line> {
      for (;;) {
        const found = lines.find((line) => line.msg === 'request' && line.path === path)
        if (found !== undefined) return found
        await once(told, 'line')
      }
    },
    async noErrors() {
      server.close()
      await once(server, 'close')
      t.deepEqual(
        lines.filter(({ level }) => level >= ERROR),
        [],
      )
    },
  }
}

/** One request exactly as written. `cut` closes the connection where the text ends, at once or only this side of it. */
function raw(port: number, text: string | Buffer, cut?: 'destroy' | 'end'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text, () => {
        if (cut === 'end') socket.end()
        if (cut === 'destroy') socket.destroy()
      })
    })
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk) => (answer += chunk))
    socket.on('close', () => resolve(answer)).on('error', reject)
  })
}

function written(method: string, path: string, headers: Record<string, string>, body: string | Buffer = ''): Buffer {
  const lines = { Host: 'localhost', Connection: 'close', ...headers }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`), Buffer.from(body)])
}

function withLength(method: string, path: string, headers: Record<string, string>, body: string | Buffer): Buffer {
  return written(method, path, { ...headers, 'Content-Length': String(Buffer.byteLength(body)) }, body)
}

const ANSWERS = {
  'application/json': /\r\nContent-Type: application\/json[\s\S]*\r\n\r\n(\w+\r\n)?\{"error(s)?":[\s\S]*\}/,
  'text/html': /\r\nContent-Type: text\/html[\s\S]*<h1>/,
}

for (const [accept, shape] of Object.entries(ANSWERS)) {
  whereBodiesAreTaken(`a body that does not match its Content-Encoding is a 400 or 415, for ${accept}`, async (t) => {
    const { port, noErrors } = await logged(t)
    const body = JSON.stringify({ text: randomBytes(2000).toString('hex') })
    const codings = { gzip: gzipSync(body), deflate: deflateSync(body), br: brotliCompressSync(body) }
    for (const [coding, whole] of Object.entries(codings)) {
      const bodies = { cut: whole.subarray(0, 200), random: Buffer.alloc(500, 0xf3), empty: Buffer.alloc(0) }
      for (const type of [FORM, 'application/json']) {
        for (const [what, bytes] of Object.entries(bodies)) {
          const headers = { Accept: accept, 'Content-Type': type, 'Content-Encoding': coding }
          const answer = await raw(port, withLength('POST', PATH, headers, bytes))
          t.regex(answer, /^HTTP\/1\.1 400 /, `${coding} ${type} ${what}`)
          t.regex(answer, shape)
        }
      }
    }
    for (const coding of ['x-none', 'gzip, gzip', 'GZIP ;']) {
      const headers = { Accept: accept, 'Content-Type': FORM, 'Content-Encoding': coding }
      const answer = await raw(port, withLength('POST', PATH, headers, 'a=1'))
      t.regex(answer, /^HTTP\/1\.1 415 /, coding)
      t.regex(answer, shape)
    }
    await noErrors()
  })

  test(`an unknown file under /assets is a 404, for ${accept}`, async (t) => {
    const { port, noErrors } = await logged(t)
    for (const name of [
      '',
      '/',
      '/.',
      '/./',
      '/..',
      '/../',
      '//',
      '/%2e',
      '/%2e%2e',
      '/%2e%2e/',
      '/%2e%2e%2fpackage.json',
      '/%00',
      '/%2500',
      '/style.css%00',
      '/style.css/',
      '/.hidden',
      '/%ff',
      '/%',
      '/%5c',
      '/C:',
      `/${'x'.repeat(300)}`,
      `/${'x/'.repeat(3000)}`,
    ]) {
      const answer = await raw(port, written('GET', `/assets${name}`, { Accept: accept }))
      t.regex(answer, /^HTTP\/1\.1 404 /, name)
      t.regex(answer, shape, name)
      t.regex(await raw(port, written('HEAD', `/assets${name}`, { Accept: accept })), /^HTTP\/1\.1 404 /, name)
    }
    await noErrors()
  })

  whereBodiesAreTaken(
    `malformed bodies, paths and queries are a 4xx without an error in the log, for ${accept}`,
    async (t) => {
      const { port, noErrors } = await logged(t)
      for (const [type, body] of [
        ['application/json', '{"a":'],
        ['application/json', '"text"'],
        ['application/json', '{"__proto__":{"a":1}}'],
        ['application/json; charset=klingon', '{'],
        ['application/json; charset=utf-16', Buffer.from('{"a":1}', 'utf16le')],
        ['application/json;;;', '['],
        ['application/json', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
        ['application/json', '['.repeat(60_000)],
      ] as const) {
        const answer = await raw(port, withLength('POST', PATH, { Accept: accept, 'Content-Type': type }, body))
        t.regex(answer, /^HTTP\/1\.1 400 /, String(body).slice(0, 30))
        t.regex(answer, shape)
      }
      const huge = await raw(
        port,
        written('POST', PATH, { Accept: accept, 'Content-Type': FORM, 'Content-Length': '9e9' }),
      )
      t.regex(huge, /^HTTP\/1\.1 400 /)
      for (const length of ['100000000', '2000000000']) {
        const headers = { Accept: accept, 'Content-Type': FORM, 'Content-Length': length }
        const answer = await raw(port, written('POST', PATH, headers, 'a=1'))
        t.regex(answer, /^HTTP\/1\.1 413 /, length)
        t.regex(answer, shape)
        t.regex(answer, /Request too large/)
      }
      for (const path of ['/%', '/%ff', '/%00', '/%E0%A4%A', '/register/%ff', '/account/%', '/%c0%ae']) {
        const answer = await raw(port, written('GET', path, { Accept: accept }))
        t.regex(answer, /^HTTP\/1\.1 40[04] /, path)
        t.regex(answer, shape)
      }
      for (const query of [
        '%',
        '%ff',
        '%00',
        'page=%',
        'page=-1',
        'page[a]=1',
        'page=1&page=2',
        '__proto__=1',
        'next=%00',
      ])
        for (const path of ['/', '/shop', '/login', '/orders/%'])
          t.regex(await raw(port, written('GET', `${path}?${query}`, { Accept: accept })), /^HTTP\/1\.1 [234]/, query)
      await noErrors()
    },
  )
}

whereBodiesAreTaken('an aborted upload ends at once, compressed or not, without an error in the log', async (t) => {
  t.timeout(20_000)
  const part = gzipSync(randomBytes(3000)).subarray(0, 500)
  for (const headers of [{}, { 'Content-Encoding': 'gzip' }]) {
    const { port, request, noErrors } = await logged(t)
    const head = { 'Content-Type': FORM, 'Content-Length': '5000', ...headers }
    await raw(port, written('POST', PATH, head, part), 'destroy')
    t.is((await request(PATH)).status, 400)
    await noErrors()
  }
})

whereBodiesAreTaken('a wrong Content-Length or chunk size is refused, and nothing of it is logged', async (t) => {
  const { port, noErrors } = await logged(t)
  const head = { 'Content-Type': FORM, Cookie: 'sessionid=a' }
  for (const text of [
    written('POST', PATH, { ...head, 'Content-Length': '100' }, 'a=1'),
    written('POST', PATH, { ...head, 'Content-Length': '3' }, 'a=1&b=2'),
    written('POST', PATH, { ...head, 'Content-Length': '-3' }, 'a=1'),
    written('POST', PATH, { ...head, 'Content-Length': 'three' }, 'a=1'),
    written('POST', PATH, { ...head, 'Transfer-Encoding': 'chunked' }, 'zz\r\na=1\r\n'),
    written('POST', PATH, { ...head, 'Transfer-Encoding': 'chunked' }, '5\r\na=1'),
    written('POST', PATH, { ...head, 'Transfer-Encoding': 'gzip' }, 'a=1'),
  ]) {
    t.regex(await raw(port, text, 'end'), /^HTTP\/1\.1 4/, text.toString().slice(0, 200))
  }
  await noErrors()
})

test('an invalid URL is a 400', async (t) => {
  const { port, noErrors } = await logged(t)
  for (const address of ['http://[/', 'http://[::1/metrics', 'http://a^b/', 'http://xn--/'])
    t.regex(await raw(port, written('GET', address, {})), /^HTTP\/1\.1 400 /, address)
  await noErrors()
})

test('a client that accepts no encoding gets uncompressed pages and files', async (t) => {
  const { port, noErrors } = await logged(t)
  for (const accepted of ['identity;q=0', '*;q=0', 'gzip;q=0, *;q=0', 'gzip;q=0, identity;q=0', 'nothing, *;q=0']) {
    for (const path of ['/', '/assets/style.css']) {
      const answer = await raw(port, written('GET', path, { 'Accept-Encoding': accepted }))
      t.regex(answer, /^HTTP\/1\.1 200 /, `${accepted} ${path}`)
      t.notRegex(answer, /^Content-Encoding:/im)
    }
  }
  await noErrors()
})
