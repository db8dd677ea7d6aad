import test from 'ava'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const SESSIONS = 1000
const HEADER_BYTES = 12_000
const FLAGS = ['--expose-gc', TYPESCRIPT, '--input-type=module', '--eval']

// A list, as proxies append to it; the zone of an address; and what is left of a browser's name without its control characters.
const HEADERS = {
  'a list of addresses': "{ 'X-Forwarded-For': n + ' '.repeat(SIZE) + 'x, 203.0.113.' + (100 + (n % 100)) }",
  'an address with a zone': "{ 'X-Forwarded-For': 'fe80::abcd:ef01:2345:' + n + '%' + 'z'.repeat(SIZE) }",
  'a long User-Agent': "{ 'User-Agent': n + 'Firefox'.repeat(SIZE / 7) }",
  'a User-Agent with control characters': "{ 'User-Agent': n + ' Firefox/140.0' + '\\t'.repeat(SIZE) + 'x' }",
}

const program = (headers: string) => `
  import Koa from 'koa'
  import { sessions } from './src/session/index.ts'
  import { send } from './test/support/client.ts'
  import { EXPIRY, testEngine } from './test/support/engine.ts'
  import { COOKIE } from './test/support/handlers.ts'
  import { listen } from './test/support/koa.ts'
  const SIZE = ${HEADER_BYTES}
  const { engine, store, now } = testEngine()
  const app = new Koa({ proxy: true, maxIpsCount: 1 })
  app.use(sessions({ engine, cookie: COOKIE, expiry: EXPIRY, now }))
  app.use(async (ctx) => {
    const session = await ctx.session()
    session.set('page', 'home')
    ctx.body = 'ok'
  })
  const { origin } = await listen(app)
  const visit = (n) => send(origin, { headers: ${headers} })
  for (let n = 0; n < 100; n++) await visit(n)
  gc()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < ${SESSIONS}; n++) await visit(n)
  gc()
  const { live } = await store.statistics()
  console.log('grown', process.memoryUsage().heapUsed - before, 'for', live)
  process.exit()
`

for (const [what, headers] of Object.entries(HEADERS)) {
  test(`a session in memory keeps no header of its request there: ${what}`, async (t) => {
    const { printed, ended } = startProcess([...FLAGS, program(headers)])
    const [text, grown, live] = await printed(/grown (-?\d+) for (\d+)/)
    t.log(text)
    t.is(Number(live), SESSIONS + 100)
    t.true(Number(grown) < (SESSIONS * HEADER_BYTES) / 2)
    t.is(await ended(), 0)
  })
}
