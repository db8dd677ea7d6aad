import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { createApp } from '../../src/app.ts'
import { djangoCodec, djangoCookieCodec } from '../../src/session/codec/django/django.ts'
import { verifyDjangoAuthHash } from '../../src/session/codec/django/django-auth.ts'
import { readSignedCookie } from '../../src/session/codec/django/signed-cookie.ts'
import { fromBase62 } from '../../src/session/codec/django/signing.ts'
import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { fixedDate } from '../../src/session/core/expiry.ts'
import { isSessionKey } from '../../src/session/core/key.ts'
import { cookieValues } from '../../src/session/http/cookie.ts'
import { localPath } from '../../src/web/next-path.ts'
import { startApp, TEST_SECRET } from '../support/app.ts'

const SIZE = 100_000
// What koa-body takes of a form is 56 KiB.
const FORM_SIZE = 50_000
const RUNS = 5
const RATIO = 20
// Milliseconds of processor time, for what is too short to compare.
const FLOOR = 100

const filled = (part: string, size = SIZE) => part.repeat(Math.floor(size / part.length))
const within = (before: string, part: string, after: string) => before + filled(part) + after

async function median(feed: () => unknown): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const start = process.cpuUsage()
    await feed()
    const { user, system } = process.cpuUsage(start)
    times.push((user + system) / 1000)
  }
  return times.sort((one, other) => one - other)[Math.floor(RUNS / 2)] ?? 0
}

async function linear(feed: (text: string) => unknown, best: string, worst: readonly string[]): Promise<string[]> {
  await feed(best)
  const usual = await median(() => feed(best))
  const slow: string[] = []
  for (const text of worst) {
    const time = await median(() => feed(text))
    if (time > usual * RATIO + FLOOR)
      slow.push(`${JSON.stringify(text.slice(0, 40))}: ${Math.round(time)} ms, not ${Math.round(usual)}`)
  }
  return slow
}

const secrets = [TEST_SECRET, `${TEST_SECRET} of before`] as const
const SEPARATED = [filled(':'), filled('.'), filled(':a'), filled('.:'), within('.', 'A', ':a:a'), filled(' ')]
const ENCODED = [filled('='), filled('-'), filled(' '), filled('A='), within('', 'A', '!'), filled('é')]

const PARSERS: [name: string, feed: (text: string) => unknown, best: string, worst: readonly string[]][] = [
  [
    'cookies',
    (header) => cookieValues(header, 'sid'),
    `sid=${filled('a')}`,
    [
      within('sid=a', ' ', 'b'),
      within('sid=', ' ', ''),
      within('', ' ', 'sid=a'),
      within('sid=', 'a ', 'b'),
      filled(';'),
      filled(' ;'),
      filled('sid=a;'),
      filled('sid=  ;'),
      filled('sid'),
      filled('='),
    ],
  ],
  ['session keys', isSessionKey, filled('a'), [filled(' '), filled('a\n'), filled('A')]],
  [
    'sealed records',
    (text) => sealedCodec({ secrets, namespace: 's' }).decode('a'.repeat(32), text),
    filled('A'),
    ENCODED,
  ],
  [
    'sealed cookies',
    (text) => sealedCookieCodec({ secrets, cookieName: 's' }).decode(text, 60),
    `AQ${filled('A')}`,
    ENCODED,
  ],
  ["Django's records", (text) => djangoCodec({ secrets }).decode('', text), filled('a'), SEPARATED],
  ["Django's cookies", (text) => djangoCookieCodec({ secrets }).decode(text, 60), filled('a'), SEPARATED],
  ['signed cookies', (text) => readSignedCookie('s', text, { secrets, maxAge: 60 }), filled('a'), SEPARATED],
  ["Django's hashes", (text) => verifyDjangoAuthHash('p', text, { secrets }), filled('a'), [filled('\0'), filled('é')]],
  ['numbers in base 62', fromBase62, filled('a'), [filled('-'), within('', 'a', '-')]],
  [
    'dates of expiry',
    fixedDate,
    filled('a'),
    ['(', '()', '1', '+00:0', 'a ', '-', ':', '1:', 'Z', ' ', '.', '1-'].map((part) => filled(part)),
  ],
  ['paths to go to', localPath, `/${filled('a')}`, ['/', '%25', '\\', ' ', '../'].map((part) => within('/', part, ''))],
]

for (const [name, feed, best, worst] of PARSERS) {
  test.serial(`100 KB of the worst input are parsed about as fast as 100 KB of the best: ${name}`, async (t) => {
    t.deepEqual(await linear(feed, best, worst), [])
  })
}

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string
}

const header = (name: string) => (text: string) => ({ headers: { [name]: text } })
const form = (body: string) => ({
  method: 'POST',
  path: '/login',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body,
})
const json = (body: string) => ({
  method: 'POST',
  path: '/preferences',
  headers: { 'content-type': 'application/json', accept: 'application/json' },
  body,
})
const spaced = [within('a', ' ', 'b'), within('a', ' ,', 'b'), filled(',')]

/** The same through the whole stack, so that what the packages in it parse is measured, too. */
const REQUESTS: [name: string, sent: (text: string) => Sent, best: string, worst: readonly string[]][] = [
  [
    'Accept',
    header('accept'),
    filled('a'),
    [within('a/b;q="', ',', ''), within('a/b;q="', ',"', ''), within('a/b;a="', '\\"', ''), ...spaced],
  ],
  ['Accept-Encoding', header('accept-encoding'), filled('a'), [within('gzip;q="', ',', ''), filled('gz,'), ...spaced]],
  ['Accept-Language', header('accept-language'), filled('a'), [filled('de,'), within('de;', ';', ''), ...spaced]],
  [
    'Cookie',
    header('cookie'),
    filled('a'),
    [within('sessionid=a', ' ', 'b'), filled('sessionid=a;'), filled('; '), filled('=')],
  ],
  [
    'many lines of Cookie',
    (text) => ({ headers: { cookie: Array<string>(500).fill(text.slice(0, SIZE / 500)) } }),
    filled('a'),
    [filled(';'), filled('sessionid=a;'), within('sessionid=a', ' ', 'b')],
  ],
  ['User-Agent', header('user-agent'), filled('a'), [filled('('), filled('Version/'), filled('\x80'), ...spaced]],
  ['X-Request-Id', header('x-request-id'), filled('a'), spaced],
  ['X-Forwarded-For', header('x-forwarded-for'), filled('1'), [filled('1.'), filled('::ffff:'), ...spaced]],
  ['X-Forwarded-Host', header('x-forwarded-host'), filled('a'), spaced],
  ['X-Forwarded-Proto', header('x-forwarded-proto'), filled('a'), spaced],
  ['Host', header('host'), filled('a'), [within('[', ':', ''), filled(':'), filled('@')]],
  ['If-None-Match', header('if-none-match'), filled('a'), [filled('"'), filled('W/"a",'), ...spaced]],
  [
    'Authorization',
    (text) => ({ path: '/metrics', ...header('authorization')(`Bearer ${text}`) }),
    filled('a'),
    spaced,
  ],
  [
    'Origin',
    (text) => ({ method: 'POST', ...header('origin')(`http://${text}`) }),
    filled('a'),
    [filled('é'), filled('xn--a.'), within('xn--', 'a', ''), filled('%C3%A9'), filled('@'), filled(':'), filled('1.')],
  ],
  [
    'Content-Type',
    (text) => ({ method: 'POST', body: 'a=1', ...header('content-type')(text) }),
    filled('a'),
    [within('text/plain;', ' ', ''), within('text/plain', ';a', ''), within('text/plain;a="', '\\"', ''), filled('/')],
  ],
  [
    'paths',
    (text) => ({ path: `/${text}` }),
    filled('a'),
    ['/', '%2f', '%', '..%2f', 'a/', '.', ';'].map((part) => filled(part)),
  ],
  [
    'names of assets',
    (text) => ({ path: `/assets/${text}` }),
    filled('a'),
    ['/', '%2f', '../', '%', '.', '%00', 'a/'].map((part) => filled(part)),
  ],
  [
    'queries',
    (text) => ({ path: `/shop?page=${text}` }),
    filled('a'),
    ['&', 'page=1&', '%', '+', '=', '?', '1'].map((part) => filled(part)),
  ],
  ['next', (text) => ({ path: `/login?next=/${text}` }), filled('a'), ['/', '%2525', '%', '../'].map((p) => filled(p))],
  [
    'forms',
    form,
    `username=${filled('a', FORM_SIZE)}`,
    ['[', 'a[', '[a]', 'a.', '.', '&', 'a=1&', 'a[]=1&', 'a[b]=1&', '%', '+', '=', 'a.b=1&'].flatMap((part) => [
      filled(part, FORM_SIZE),
      `username=a&password=${filled(part, FORM_SIZE)}`,
      `a${filled(part, FORM_SIZE)}`,
    ]),
  ],
  [
    'JSON',
    json,
    `{"a":"${filled('a')}"}`,
    [
      filled('['),
      filled('{"a":'),
      filled('['.repeat(1000) + ']'.repeat(1000)),
      '['.repeat(SIZE / 2) + ']'.repeat(SIZE / 2),
      `{"key":"theme","value":${'['.repeat(SIZE / 2)}${']'.repeat(SIZE / 2)}}`,
      within('{"__proto__"', ' ', ':1}'),
      within('{', '"__proto__" ', ''),
      within(' ', ' ', ''),
      within('{"key":"', 'notifications.', '","value":true}'),
      `{${Array.from({ length: SIZE / 10 }, (_, n) => `"${n}":1`).join()}}`,
    ],
  ],
]

for (const [name, sent, best, worst] of REQUESTS) {
  test.serial(
    `a request with 100 KB of the worst input is answered about as fast as with the best: ${name}`,
    async (t) => {
      const app = await startApp({ TRUSTED_PROXIES: '1' })
      t.teardown(() => app.close())
      // Node's own limit is 16 KB for all headers together, and can be raised.
      const server = createServer({ maxHeaderSize: 4 * SIZE }, (await createApp(app.services)).callback())
      t.teardown(() => server.close())
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const feed = async (text: string) => t.true((await status(port, sent(text))) < 500, text.slice(0, 40))
      t.deepEqual(await linear(feed, best, worst), [])
    },
  )
}

async function status(port: number, { body, ...options }: Sent): Promise<number> {
  const sending = request({ host: '127.0.0.1', port, agent: false, ...options })
  sending.end(body)
  const [answer] = await once(sending, 'response')
  answer.resume()
  await once(answer, 'close')
  return Number(answer.statusCode)
}
