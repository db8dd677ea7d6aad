import { dirname, join } from 'node:path'
import { RedisStore } from 'connect-redis'
import { ConnectSessionKnexStore } from 'connect-session-knex'
import express from 'express'
import session from 'express-session'
import createKnex from 'knex'
import { BARE_BODY, BARE_COOKIE, nodeRedis, ObjectSession } from './sessions.mjs'

export const peers = {
  bare({ pages }) {
    const app = express()
    for (const [name] of pages) {
      app.all(`/${name}`, (_request, response) => {
        if (name === 'begin') response.set('Set-Cookie', BARE_COOKIE)
        response.send(BARE_BODY)
      })
    }
    return app
  },
  async redis({ SECRET_KEY, CACHE_URL, CACHE_KEY_PREFIX, pages }) {
    return application(
      pages,
      SECRET_KEY,
      new RedisStore({ client: await nodeRedis(CACHE_URL), prefix: CACHE_KEY_PREFIX }),
    )
  },
  async knex({ SECRET_KEY, SESSION_FILE_PATH, pages }) {
    const filename = join(dirname(SESSION_FILE_PATH), 'peer.sqlite3')
    const knex = createKnex({ client: 'sqlite3', connection: { filename }, useNullAsDefault: true })
    // As this project's databases.
    await knex.raw('PRAGMA journal_mode = WAL')
    await knex.raw('PRAGMA synchronous = NORMAL')
    return application(pages, SECRET_KEY, new ConnectSessionKnexStore({ knex, createTable: true }))
  },
}

function application(pages, secret, store) {
  const app = express()
  app.use(session({ secret, store, resave: false, saveUninitialized: false }))
  for (const [name, page] of pages) {
    app.all(`/${name}`, async (request, response) => {
      const end = () => new Promise((resolve) => request.session.destroy(resolve))
      const query = request.url.split('?', 2)[1] ?? ''
      const { status, body } = await page(() => new ObjectSession(request.session, end), query)
      response.status(status).send(body)
    })
  }
  return app
}
