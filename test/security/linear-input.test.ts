import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { createApp } from '../../src/app.ts'
import { plainJson } from '../../src/session/core/data.ts'
import { fixedDate } from '../../src/session/core/expiry.ts'
import { isSessionKey } from '../../src/session/core/key.ts'
import { cookieValues } from '../../src/session/http/cookie.ts'
import { formats } from '../../src/storage/index.ts'
import { startApp } from '../support/app.ts'
import { codecOptions } from '../support/formats.ts'
import { ENCODED, filled, linear, type Parser, SEPARATED, SIZE, within } from '../support/linear.ts'
import { postPaths } from '../support/routes.ts'

const PATHS = await postPaths()
// Whatever a visitor may fill in, in any feature.
const FIELDS = [
  'username',
  'password',
  'next',
  'email',
  'fullName',
  'line1',
  'postcode',
  'city',
  'language',
  'quantity',
  'productId',
  'total',
  'key',
  'value',
]
const IN_FIELDS = ['1', '-', ' ', 'a@', 'a.', '\u0301', '\u00a0', 'a ', '__proto__.'].map((part) => filled(part, SIZE))

/** Of each format: what begins like its own, and what does not. */
const ofFormats = formats.flatMap((format): Parser[] => {
  const options = { ...codecOptions('sid', Date.now), maxBytes: 2 * SIZE }
  const [records, cookies] = [format.codec(options), format.cookieCodec(options)]
  const key = 'a'.repeat(32)
  const worst = (own: string) => [...SEPARATED, ...ENCODED].flatMap((text) => [text, own.slice(0, 8) + text])
  const best = (own: string) => own.slice(0, 8) + filled('a')
  const [record, cookie] = [records.encode(key, { a: 'a' }), cookies.encode({ a: 'a' })]
  return [
    [`records, ${format.name}`, (text) => records.decode(key, text), best(record), worst(record)],
    [`cookies, ${format.name}`, (text) => cookies.decode(text, 60), best(cookie), worst(cookie)],
  ]
})

const PARSERS: readonly Parser[] = [
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
    'dates of expiry',
    fixedDate,
    filled('a'),
    ['(', '()', '1', '+00:0', 'a ', '-', ':', '1:', 'Z', ' ', '.', '1-'].map((part) => filled(part)),
  ],
  [
    'values of a session',
    (text) => {
      try {
        plainJson(JSON.parse(text))
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
      }
    },
    `[${filled('{},')}1]`,
    [900, 1000, 2000, 4000].map((levels) => `${'['.repeat(levels)}${filled('{},')}1${']'.repeat(levels)}`),
  ],
  ...ofFormats,
]

for (const [name, feed, best, worst] of PARSERS) {
  test.serial(
    `100 KB of the worst input are parsed about as fast as 100 KB of the best: ${name} (ASVS 1.3.12)`,
    async (t) => {
      t.deepEqual(await linear(feed, best, worst), [])
    },
  )
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
    'If-Modified-Since',
    (text) => ({ path: '/assets/style.css', ...header('if-modified-since')(text) }),
    filled('a'),
    ['(', '()', '1', '+00:0', 'a ', '-', ':', 'Mon, ', '1 Jan '].map((part) => filled(part)),
  ],
  ['Cache-Control', header('cache-control'), filled('a'), [filled('no-cache'), filled(',no-cache'), ...spaced]],
  [
    'Content-Encoding',
    (text) => ({ ...form('a=1'), headers: { ...form('').headers, 'content-encoding': text } }),
    filled('a'),
    [filled('gzip,'), ...spaced],
  ],
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
    `username=${filled('a', SIZE)}`,
    ['[', 'a[', '[a]', 'a.', '.', '&', 'a=1&', 'a[]=1&', 'a[b]=1&', '%', '+', '=', 'a.b=1&'].flatMap((part) => [
      filled(part, SIZE),
      `username=a&password=${filled(part, SIZE)}`,
      `a${filled(part, SIZE)}`,
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

/** Every field of every form, all full. */
const FORMS: typeof REQUESTS = PATHS.map((path) => [
  `the fields of ${path}`,
  (text) => ({ ...json(JSON.stringify(Object.fromEntries(FIELDS.map((field) => [field, text])))), path }),
  filled('a'),
  IN_FIELDS,
])
/** What is in the path of a route. */
const PARAMETERS: typeof REQUESTS = PATHS.filter((path) => path.includes('/1')).map((path) => [
  `a parameter of ${path}`,
  (text) => ({ ...form(''), path: path.replace('/1', `/${text}`) }),
  filled('a'),
  ['1', '-', '.', '%31', '%', '1e'].map((part) => filled(part)),
])

async function atServer(t: ExecutionContext, requests: typeof REQUESTS): Promise<string[]> {
  const app = await startApp({ TRUSTED_PROXIES: '1', MAX_BODY_BYTES: '2000000' })
  t.teardown(() => app.close())
  // Node's own limit is 16 KB for all headers together, and can be raised.
  const server = createServer({ maxHeaderSize: 4 * SIZE }, (await createApp(app.services)).callback())
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const slow: string[] = []
  for (const [name, sent, best, worst] of requests) {
    const feed = async (text: string) => t.true((await status(port, sent(text))) < 500, `${name} ${text.slice(0, 40)}`)
    slow.push(...(await linear(feed, best, worst)).map((found) => `${name}: ${found}`))
  }
  return slow
}

for (const one of REQUESTS) {
  test.serial(
    `a request with 100 KB of the worst input is answered about as fast as with the best: ${one[0]}`,
    async (t) => {
      t.deepEqual(await atServer(t, [one]), [])
    },
  )
}

test.serial('each field of each form and each parameter of a path takes 100 KB of the worst input', async (t) => {
  t.timeout(240_000)
  t.deepEqual(await atServer(t, [...FORMS, ...PARAMETERS]), [])
})

async function status(port: number, { body, ...options }: Sent): Promise<number> {
  const sending = request({ host: '127.0.0.1', port, agent: false, ...options })
  sending.end(body)
  const [answer] = await once(sending, 'response')
  answer.resume()
  await once(answer, 'close')
  return Number(answer.statusCode)
}
