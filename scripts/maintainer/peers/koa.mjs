import { getIronSession } from 'iron-session'
import Koa from 'koa'
import genericSession from 'koa-generic-session'
import koaSession from 'koa-session'
import { ioRedis, nodeRedis, ObjectSession, threeMethods } from './sessions.mjs'

const DAY_MS = 86_400_000

export const peers = {
  async 'session-node-redis'({ SECRET_KEY, CACHE_URL, CACHE_KEY_PREFIX, pages }) {
    const client = await nodeRedis(CACHE_URL)
    const set = (key, text, milliseconds) => client.set(key, text, { PX: expiryOf(milliseconds) })
    return application(SECRET_KEY, pages, (app) =>
      koaSession({ store: threeMethods(client, CACHE_KEY_PREFIX, set) }, app),
    )
  },
  'session-ioredis'({ SECRET_KEY, CACHE_URL, CACHE_KEY_PREFIX, pages }) {
    const client = ioRedis(CACHE_URL)
    const set = (key, text, milliseconds) => client.set(key, text, 'PX', expiryOf(milliseconds))
    return application(SECRET_KEY, pages, (app) =>
      koaSession({ store: threeMethods(client, CACHE_KEY_PREFIX, set) }, app),
    )
  },
  async 'generic-session'({ SECRET_KEY, CACHE_URL, CACHE_KEY_PREFIX, pages }) {
    const client = await nodeRedis(CACHE_URL)
    const set = (key, text, milliseconds) => client.set(key, text, { PX: expiryOf(milliseconds) })
    return application(SECRET_KEY, pages, () => genericSession({ store: threeMethods(client, CACHE_KEY_PREFIX, set) }))
  },
  'iron-session'({ SECRET_KEY, pages }) {
    const options = { password: SECRET_KEY, cookieName: 'session', cookieOptions: { secure: false } }
    const app = new Koa()
    const table = tableOf(pages)
    app.use(async (ctx) => {
      const page = table.get(ctx.path)
      if (page === undefined) return
      let session
      let isChanged = false
      const open = async () => {
        session = await getIronSession(ctx.req, ctx.res, options)
        return new ObjectSession(
          session,
          () => session.destroy(),
          () => {
            isChanged = true
          },
        )
      }
      const { status, body } = await page(open, ctx.querystring)
      if (isChanged) await session.save()
      ctx.status = status
      ctx.body = body
    })
    return app.callback()
  },
}

function application(secret, pages, middleware) {
  const app = new Koa()
  app.keys = [secret]
  app.use(middleware(app))
  const table = tableOf(pages)
  app.use(async (ctx) => {
    const page = table.get(ctx.path)
    if (page === undefined) return
    const end = () => {
      ctx.session = null
    }
    const { status, body } = await page(() => new ObjectSession(ctx.session, end), ctx.querystring)
    ctx.status = status
    ctx.body = body
  })
  return app.callback()
}

function tableOf(pages) {
  return new Map(pages.map(([name, page]) => [`/${name}`, page]))
}

function expiryOf(milliseconds) {
  return typeof milliseconds === 'number' ? milliseconds : DAY_MS
}
