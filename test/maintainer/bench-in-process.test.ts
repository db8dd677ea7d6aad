import test from 'ava'
import Koa from 'koa'
import { type InProcessVisitor, measureInProcess } from '../../scripts/maintainer/bench/in-process.ts'
import { BODY } from '../../scripts/maintainer/bench/session-pages.ts'

test('after a failed request without HTTP visitors begin anew, as their keys may have been changed without a response', async (t) => {
  const app = new Koa()
  app.silent = true
  const current = new Map<string, string>()
  let sessions = 0
  let failing = true
  app.use((ctx) => {
    const [id = '', key] = (ctx.headers.cookie ?? '').replace('sid=', '').split('.')
    const visitor = ctx.path === '/begin' ? String(sessions++) : id
    ctx.status = ctx.path === '/begin' || key === current.get(id) ? 200 : 410
    current.set(visitor, String(Number(key ?? 0) + 1))
    ctx.body = BODY
    if (failing && ctx.path === '/login') ctx.status = 503
    else ctx.set('Set-Cookie', `sid=${visitor}.${current.get(visitor)}; path=/`)
  })
  const visitors: InProcessVisitor[] = []
  const work = { kind: 'login', sessions: 4, connections: 2, seconds: 0.01 } as const
  await t.throwsAsync(measureInProcess(app, work, visitors), { message: /answered 503/ })
  failing = false
  t.true((await measureInProcess(app, work, visitors)).requests > 0)
  t.is(visitors.length, 4)
})
