import Router from '@koa/router'
import test from 'ava'
import type { Context } from 'koa'
import { koaBody } from 'koa-body'
import { z } from 'zod'
import { defineSlice, signOut } from '../../src/session/index.ts'
import { handle } from '../../src/session/testing/handle.ts'
import { cookieBench } from '../support/cookie-engine.ts'
import { testEngine } from '../support/engine.ts'

// In its own process: the names of its slices are taken in the whole process.

const list = defineSlice({ name: 'list', schema: z.array(z.string()), default: (): string[] => [] })

const read = async (ctx: Context) => {
  const session = await ctx.session()
  ctx.body = { user: session.userId, ...Object.fromEntries(session.entries()) }
}

test('the handler gets the signed-in user and the session’s data', async (t) => {
  const anonymous = await handle(read)
  t.deepEqual([anonymous.text, anonymous.cookie, anonymous.session.isEmpty], ['{"user":null}', '', true])
  const { text, session, headers } = await handle(read, { user: 'ada', session: { n: 1 } })
  t.like(JSON.parse(text), { user: 'ada', n: 1 })
  t.deepEqual([session.userId, session.get('n')], ['ada', 1])
  t.deepEqual([headers['vary'], headers['cache-control']], ['Cookie', 'private, no-store'])
})

test('a function fills the session by slices', async (t) => {
  const { session } = await handle(
    async (ctx) => {
      ;(await ctx.session()).update(list, (items) => [...items, 'two'])
    },
    { session: (before) => before.set(list, ['one']) },
  )
  t.deepEqual(session.get(list), ['one', 'two'])
})

test('a saved change creates a session with a cookie, and a failed request saves nothing', async (t) => {
  const begun = await handle(async (ctx) => {
    ;(await ctx.session()).set('n', 1)
    ctx.body = 'ok'
  })
  t.regex(begun.cookie, /^sessionid=\w{32}$/)
  t.is(begun.session.get('n'), 1)
  const failed = await begun.again(async (ctx) => {
    ;(await ctx.session()).set('n', 2)
    ctx.throw(503)
  })
  t.deepEqual([failed.status, failed.session.get('n')], [503, 1])
})

test('the next request has the same cookies, and none once the session has ended', async (t) => {
  const first = await handle(read, { user: 'ada' })
  t.like(JSON.parse((await first.again(read)).text), { user: 'ada' })
  const out = await first.again(async (ctx) => await signOut(await ctx.session()))
  t.deepEqual([out.cookie, out.session.userId], ['', null])
  t.is((await out.again(read)).text, '{"user":null}')
  t.is((await out.again(read, { headers: { Cookie: first.cookie } })).text, '{"user":null}')
})

test('a route with parameters, a form and JSON reach the handler', async (t) => {
  const router = new Router()
  router.put('/items/:id', (ctx) => {
    ctx.body = { id: ctx.params['id'], given: ctx.request.body, says: ctx.get('X-Says'), query: ctx.querystring }
  })
  const visit = { method: 'PUT', path: '/items/3?a=1', headers: { 'X-Says': 'hello' } }
  const bodies = [new URLSearchParams({ name: 'x' }), { name: 'x' }] as const
  for (const body of bodies) {
    const { text } = await handle([koaBody(), router.routes()], { ...visit, body })
    t.deepEqual(JSON.parse(text), { id: '3', given: { name: 'x' }, says: 'hello', query: 'a=1' })
  }
  const posted = await handle(read, { body: 'text' })
  t.is(posted.ctx.method, 'POST')
})

test('an error of the handler is thrown, and one with a status is the response', async (t) => {
  const broken = new Error('broken')
  const error = await t.throwsAsync(() =>
    handle(() => {
      throw broken
    }),
  )
  t.is(error, broken)
  const refused = await handle((ctx) => ctx.throw(403, 'Not you.'))
  t.deepEqual([refused.status, refused.text], [403, 'Not you.'])
})

test('settings are those of the middleware: another engine, a clock, a cookie', async (t) => {
  const { engine, expiry, now, clock } = testEngine()
  const first = await handle(read, { session: { n: 1 }, settings: { engine, expiry, now } })
  clock.now += 2_000_000_000
  t.is((await first.again(read)).text, '{"user":null}')

  const inCookie = cookieBench()
  const cookie = { name: 'sid', path: '/', secure: true, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
  const settings = { engine: inCookie.engine, cookie, now: inCookie.now }
  const held = await handle(read, { user: 'ada', session: { n: 1 }, settings })
  t.like(JSON.parse(held.text), { user: 'ada', n: 1 })
  t.is(held.session.get('n'), 1)
})
