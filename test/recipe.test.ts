import test from 'ava'
import type { Context } from 'koa'
import { handle } from '../src/session/testing/handle.ts'

// Yours, from wherever it is.
async function addToList(ctx: Context): Promise<void> {
  const session = await ctx.session()
  if (session.userId === null) return ctx.throw(401)
  session.update('list', (list) => [...(Array.isArray(list) ? list : []), ctx.query['item']])
  ctx.redirect('/list')
}

test('what is added is on the list', async (t) => {
  const visit = { user: 'ada', session: { list: ['milk'] }, path: '/add?item=bread' }
  const { ctx, session } = await handle(addToList, visit)
  t.is(ctx.status, 302)
  t.deepEqual(session.get('list'), ['milk', 'bread'])
})

test('nobody adds to the list without signing in', async (t) => {
  t.is((await handle(addToList)).status, 401)
})
