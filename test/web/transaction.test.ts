import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { createApp } from '../../src/app.ts'
import { startApp } from '../support/app.ts'

test('a session can be opened within a transaction without blocking others', async (t) => {
  const site = await startApp()
  t.teardown(site.close)
  const { services } = site
  const app = await createApp(services)
  app.use(async (ctx) => {
    if (ctx.path !== '/within') return
    await services.knex.transaction(async (trx) => {
      await trx('users').where({ id: 1 }).update({ newsletter: true })
      const session = await ctx.session()
      session.set('seen', true)
      ctx.body = (await (await fetch(origin, { headers: { accept: 'application/json' } })).text()).length > 0
    })
  })
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  const answer = await fetch(`${origin}/within`)
  t.deepEqual([answer.status, await answer.text()], [200, 'true'])
  t.is(answer.headers.getSetCookie().length, 1)
})
