import test from 'ava'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const SESSIONS = 1000
const HEADER_BYTES = 12_000

const PROGRAM = `
  import Koa from 'koa'
  import { sessions } from './src/session/index.ts'
  import { send } from './test/support/client.ts'
  import { EXPIRY, testEngine } from './test/support/engine.ts'
  import { COOKIE } from './test/support/handlers.ts'
  import { listen } from './test/support/koa.ts'
  const { engine, store, now } = testEngine()
  const app = new Koa({ proxy: true, maxIpsCount: 1 })
  app.use(sessions({ engine, cookie: COOKIE, expiry: EXPIRY, now }))
  app.use(async (ctx) => {
    const session = await ctx.session()
    session.set('page', 'home')
    ctx.body = ctx.ip
  })
  const { origin } = await listen(app)
  const visit = (n) => send(origin, {
    headers: {
      'X-Forwarded-For': n + ' '.repeat(${HEADER_BYTES}) + 'x, 203.0.113.' + (100 + (n % 100)),
      'User-Agent': n + 'Firefox'.repeat(${HEADER_BYTES / 7 / 10}),
    },
  })
  for (let n = 0; n < 100; n++) await visit(n)
  gc()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < ${SESSIONS}; n++) await visit(n)
  gc()
  const { live } = await store.statistics()
  console.log('grown', process.memoryUsage().heapUsed - before, 'for', live, (await visit(1)).text)
  process.exit()
`

test('a session in memory keeps no header of its request there', async (t) => {
  const { printed, ended } = startProcess(['--expose-gc', TYPESCRIPT, '--input-type=module', '--eval', PROGRAM])
  const [text, grown, live, address] = await printed(/grown (-?\d+) for (\d+) (\S+)/)
  t.log(text)
  t.is(Number(live), SESSIONS + 100)
  t.is(address, '203.0.113.101')
  t.true(Number(grown) < (SESSIONS * HEADER_BYTES) / 2)
  t.is(await ended(), 0)
})
