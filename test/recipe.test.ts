import test from 'ava'
import type { Context } from 'koa'
import { handle } from '../src/session/testing/handle.ts'

// Your handler.
async function addToList(ctx: Context): Promise<void> {
  const session = await ctx.session()
  if (session.userId === null) return ctx.throw(401)
  session.update('list', (list) => [...(Array.isArray(list) ? list : []), ctx.query['item']])
  ctx.redirect('/list')
}

test('an added item is on the list', async (t) => {
  const visit = { user: 'ada', session: { list: ['milk'] }, path: '/add?item=bread' }
  const { ctx, session } = await handle(addToList, visit)
  t.is(ctx.status, 302)
  t.deepEqual(session.get('list'), ['milk', 'bread'])
})

test('adding to the list needs a signed-in user', async (t) => {
  t.is((await handle(addToList)).status, 401)
})
