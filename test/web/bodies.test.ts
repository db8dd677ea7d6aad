import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { readConfig } from '../../src/config.ts'
import { startApp, TEST_SECRET, type TestApp } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { postPaths } from '../support/routes.ts'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'
// All that are parsed as JSON.
const JSON_TYPES = [JSON_TYPE, 'application/json-patch+json', 'application/vnd.api+json', 'application/csp-report']
// Made once: compressing takes far longer than refusing.
const CODINGS = { gzip: gzipSync, deflate: deflateSync, br: quickBrotli }
const BOMBS = Object.entries(CODINGS).map(
  ([coding, compress]) => [coding, compress(Buffer.alloc(50_000_000, '1'))] as const,
)
const PATHS = await postPaths()
// Any route that takes a body.
const [PATH = ''] = PATHS
const whereBodiesAreTaken = PATHS.length === 0 ? test.skip : test

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

/** The status of a body sent to a route that takes one; its values are wrong, so 422 means that it was read. */
async function statusOf(body: string | Buffer, type: string, headers: Record<string, string> = {}, to = app) {
  const answer = await fetch(to.origin + PATH, {
    method: 'POST',
    body,
    headers: { 'content-type': type, accept: JSON_TYPE, ...headers },
    redirect: 'manual',
  })
  await answer.arrayBuffer()
  return answer.status
}

function quickBrotli(bytes: Buffer | string): Buffer {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
}

const formOf = (bytes: number) => `a=${'x'.repeat(bytes - 2)}`
const jsonOf = (bytes: number) => JSON.stringify({ a: 'x'.repeat(bytes - 8) })

/** Bodies of exactly the limit are read, those of one byte more are not. */
async function limited(t: ExecutionContext, to: TestApp, limit: number) {
  for (const [make, type] of [
    [formOf, FORM],
    [jsonOf, JSON_TYPE],
  ] as const) {
    t.not(await statusOf(make(limit), type, {}, to), 413, type)
    t.is(await statusOf(make(limit + 1), type, {}, to), 413, type)
    for (const [coding, compress] of Object.entries(CODINGS)) {
      const headers = { 'content-encoding': coding }
      t.not(await statusOf(compress(make(limit)), type, headers, to), 413, `${type} ${coding}`)
      t.is(await statusOf(compress(make(limit + 1)), type, headers, to), 413, `${type} ${coding}`)
    }
    for (const [coding, bomb] of BOMBS) {
      t.is(await statusOf(bomb, type, { 'content-encoding': coding }, to), 413, `${type} ${coding}`)
    }
  }
}

whereBodiesAreTaken('a body has at most 64 KiB, however it is compressed', async (t) => {
  await limited(t, app, 65_536)
})

whereBodiesAreTaken('the limit of bodies is a setting', async (t) => {
  const own = await startApp({ MAX_BODY_BYTES: '2000' })
  t.teardown(() => own.close())
  await limited(t, own, 2000)
})

whereBodiesAreTaken('JSON of 100,000 levels or keys is refused, also where such bodies may be large', async (t) => {
  const own = await startApp({ MAX_BODY_BYTES: '4000000' })
  t.teardown(() => own.close())
  const N = 100_000
  const keys = Array.from({ length: N }, (_, n) => `"${n}":1`).join()
  const values: [string, string][] = [
    ['levels of lists', `${'['.repeat(N)}${']'.repeat(N)}`],
    ['levels of objects', `${'{"a":'.repeat(N)}1${'}'.repeat(N)}`],
    ['keys', `{${keys}}`],
    ['items', `[${'1,'.repeat(N)}1]`],
  ]
  for (const [what, value] of values) {
    for (const body of [value, `{"a":${value}}`]) {
      for (const [size, to] of [
        ['default', app],
        ['large', own],
      ] as const) {
        for (const type of JSON_TYPES) {
          const status = await statusOf(body, type, {}, to)
          t.true(status === 400 || status === 413, `${what}, ${size}, ${type}: ${status}`)
        }
      }
    }
  }
  t.is(await statusOf('{"a":[[[[{"b":[1,2,3]}]]]]}', JSON_TYPE), await statusOf('{}', JSON_TYPE))
})

whereBodiesAreTaken('invalid UTF-8 and percent encoding are 400, and valid ones are not', async (t) => {
  for (const text of ['a=%', 'a=%f', 'a=%zz', 'a=%ff', 'a=%c0%ae', 'a=%ed%a0%80', '%E0%A4%A=1'])
    t.is(await statusOf(text, FORM), 400, text)
  for (const bytes of [[0xff], [0xc0, 0xae], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    t.is(await statusOf(Buffer.from([0x61, 0x3d, ...bytes]), FORM), 400, String(bytes))
    const json = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')])
    t.is(await statusOf(json, JSON_TYPE), 400, String(bytes))
  }
  const usual = await statusOf('a=b', FORM)
  for (const text of ['a=%C3%A9+%F0%9F%8C%B3', 'a=é', 'a=%25', 'a=%EF%BF%BD', 'a=+'])
    t.is(await statusOf(text, FORM), usual)
  t.is(await statusOf('{"a":"\ufffd"}', JSON_TYPE), 400, 'this cannot be told from invalid bytes')
  t.is(await statusOf('{"a":"\\ufffd"}', JSON_TYPE), await statusOf('{}', JSON_TYPE))
})

const UNREAD: readonly [type: string | undefined, body: string][] = [
  ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nada\r\n--x--\r\n'],
  ['MULTIPART/FORM-DATA', 'a=1'],
  ['text/plain', '{"theme":"dark"}'],
  ['application/xml', '<a/>'],
  ['application/octet-stream', 'a=1'],
  ['nonsense', 'a=1'],
  [undefined, 'theme=dark'],
]

/** The status of a request that says no length, as proxies send it. */
async function chunkedStatus(path: string, body: string): Promise<number | undefined> {
  const sent = request(app.origin + path, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

whereBodiesAreTaken(
  'a body that is neither a form nor JSON is a 415 on every route, and changes nothing (ASVS 3.5.2)',
  async (t) => {
    const { knex, sessionKnex } = app.services
    const stored = async () => [await sessionKnex('sessions').count(), await knex('failed_attempts').count()]
    const before = await stored()
    for (const path of PATHS) {
      for (const [type, text] of UNREAD) {
        for (const accept of [JSON_TYPE, 'text/html']) {
          // Bytes: fetch gives a text the type text/plain.
          const headers = { accept, ...(type === undefined ? {} : { 'content-type': type }) }
          const answer = await fetch(app.origin + path, { method: 'POST', headers, body: Buffer.from(text) })
          t.is(answer.status, 415, `${path} ${type}`)
          t.regex(await answer.text(), /This address takes forms without files, and JSON\./)
          t.deepEqual(answer.headers.getSetCookie(), [])
        }
      }
    }
    t.deepEqual(await stored(), before)
    for (const path of PATHS) {
      const { status } = await fetch(app.origin + path, { method: 'POST', redirect: 'manual' })
      t.not(status, 415, `${path} without a body`)
      t.not(await chunkedStatus(path, ''), 415, `${path} with an empty body in chunks`)
      t.is(await chunkedStatus(path, 'a=1'), 415, `${path} in chunks`)
    }
    t.is(await statusOf('a=b', 'APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8'), await statusOf('a=b', FORM))
  },
)

test('no body is read where none is taken', async (t) => {
  const { port } = new URL(app.origin)
  for (const [path, status] of [
    ['/', 405],
    ['/nothing-here', 404],
  ] as const) {
    const socket = connect(Number(port), '127.0.0.1')
    // The body never comes.
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: ${FORM}\r\nContent-Length: 1000\r\n\r\n`,
    )
    const [answer] = await once(socket, 'data')
    t.regex(String(answer), new RegExp(`^HTTP/1\\.1 ${status} `), path)
    socket.destroy()
  }
  for (const path of ['/', '/nothing-here']) {
    const method = { method: 'POST', body: '{"a":', headers: { 'content-type': JSON_TYPE } }
    t.is((await fetch(app.origin + path, method)).status, path === '/' ? 405 : 404)
  }
})

for (const [what, text] of [
  ['headers', 'GET / HTTP/1.1\r\nHost: localhost\r\n'],
  ['a body', `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${FORM}\r\nContent-Length: 100\r\n\r\na=`],
] as const) {
  const possible = what === 'headers' ? test : whereBodiesAreTaken
  possible(`${what} that do not arrive within REQUEST_TIMEOUT end the connection`, async (t) => {
    t.timeout(60_000)
    t.is(readConfig({ NODE_ENV: 'test', SECRET_KEY: TEST_SECRET }).requestTimeout, 30)
    const env = { SECRET_KEY: TEST_SECRET, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test', REQUEST_TIMEOUT: '2' }
    const server = startProcess([TYPESCRIPT, 'src/server.ts'], {
      env: { ...env, DATABASE_URL: await migratedSqlite(t) },
    })
    t.teardown(() => server.stop('SIGKILL'))
    const [, port = ''] = await server.printed(/is on http:\S+:(\d+)/)
    const socket = connect(Number(port), '127.0.0.1')
      .setEncoding('utf8')
      .on('error', () => {})
    socket.write(text)
    // One byte after another, so that the connection is never idle.
    const drip = setInterval(() => socket.writable && socket.write('x'), 100)
    t.teardown(() => clearInterval(drip))
    const start = performance.now()
    await once(socket.resume(), 'close')
    // Node looks only every 30 seconds unless it is told otherwise.
    t.true(performance.now() - start < 15_000)
    t.is((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
  })
}
