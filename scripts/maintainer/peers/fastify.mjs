import { createHash } from 'node:crypto'
import fastifyCookie from '@fastify/cookie'
import fastifySecureSession from '@fastify/secure-session'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import createFastify from 'fastify'
import { BARE_BODY, BARE_COOKIE, nodeRedis, ObjectSession } from './sessions.mjs'

export const peers = {
  async bare({ pages }) {
    const app = createFastify()
    for (const [name] of pages) {
      app.all(`/${name}`, (_request, reply) => {
        if (name === 'begin') reply.header('Set-Cookie', BARE_COOKIE)
        reply.send(BARE_BODY)
      })
    }
    await app.ready()
    return app.routing
  },
  async session({ SECRET_KEY, CACHE_URL, CACHE_KEY_PREFIX, pages }) {
    const app = createFastify()
    await app.register(fastifyCookie)
    const store = new RedisStore({ client: await nodeRedis(CACHE_URL), prefix: CACHE_KEY_PREFIX })
    const options = { secret: SECRET_KEY, store, saveUninitialized: false, cookie: { secure: false } }
    await app.register(fastifySession, options)
    return await routed(app, pages, ({ session }) => new ObjectSession(session, () => session.destroy()))
  },
  async 'secure-session'({ SECRET_KEY, pages }) {
    const app = createFastify()
    const key = createHash('sha256').update(SECRET_KEY).digest()
    await app.register(fastifySecureSession, { key, cookie: { path: '/', secure: false } })
    return await routed(app, pages, ({ session }) => new SecureSession(session))
  },
}

class SecureSession {
  #session

  constructor(session) {
    this.#session = session
  }

  get user() {
    return this.#session.get('user')
  }

  get(name) {
    return this.#session.get(name)
  }

  set(name, value) {
    this.#session.set(name, value)
  }

  // It does not notice changes in place.
  changed(name, value) {
    this.#session.set(name, value)
  }

  signIn() {
    this.#session.set('user', '1')
  }

  end() {
    this.#session.delete()
  }
}

async function routed(app, pages, open) {
  for (const [name, page] of pages) {
    app.all(`/${name}`, async (request, reply) => {
      const query = request.url.split('?', 2)[1] ?? ''
      const { status, body } = await page(() => open(request), query)
      return reply.code(status).send(body)
    })
  }
  await app.ready()
  return app.routing
}
