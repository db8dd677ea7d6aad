import test from 'ava'
import { signIn } from '../../src/session/sign-in.ts'
import { application } from '../support/handlers.ts'

test('an id that not every store can keep is refused, and the session stays as it was', async (t) => {
  const { begin, get } = await application(t, {
    '/in': async (ctx, session) => {
      const opened = await session()
      await signIn(opened, String(ctx.query['id'] ?? ''))
    },
    '/in-half': async (_ctx, session) => {
      const error = await t.throwsAsync(signIn(await session(), 'a\ud83d'), { instanceOf: RangeError })
      t.regex(error?.message ?? '', /1 to 64 characters/)
    },
    '/who': async (ctx, session) => {
      const { userId, key } = await session()
      ctx.body = `${userId} ${key}`
    },
  })
  const cookie = await begin()
  const before = (await get('/who', cookie)).text
  t.regex(before, /^null \w/)
  for (const id of ['', 'a\0', 'a\n', 'x'.repeat(65)]) {
    const refused = await get(`/in?id=${encodeURIComponent(id)}`, cookie)
    t.deepEqual([refused.status, refused.setCookie], [500, ''], JSON.stringify(id))
  }
  t.is((await get('/in-half', cookie)).setCookie, '')
  t.is((await get('/who', cookie)).text, before)
  for (const id of ['7', ' Ada ', '💥'.repeat(64)]) {
    const { status, cookie: newer } = await get(`/in?id=${encodeURIComponent(id)}`, await begin())
    t.is(status, 200)
    t.true((await get('/who', newer)).text.startsWith(`${id} `))
  }
})
