// Beside a Django application, on its table django_session and with its SECRET_KEY: a visitor has one session on both.
// SECRET_KEY=… DATABASE=/srv/shared.sqlite3 node --import=tsx examples/django.ts
import createKnex from 'knex'
import Koa from 'koa'
import { djangoCodec } from '../src/session/codec/django/django.ts'
import { StoredEngine, sessions } from '../src/session/index.ts'
import { DatabaseStore } from '../src/session/stores/database/database.ts'
import { djangoLayout } from '../src/session/stores/database/django-layout.ts'

const { SECRET_KEY = '', DATABASE = 'shared.sqlite3', PORT = '3000' } = process.env
const knex = createKnex({ client: 'sqlite3', connection: { filename: DATABASE }, useNullAsDefault: true })

// As in settings.py: SESSION_COOKIE_AGE, SESSION_EXPIRE_AT_BROWSER_CLOSE, SESSION_COOKIE_NAME.
const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const store = new DatabaseStore({ knex, table: 'django_session', layout: djangoLayout })
const engine = new StoredEngine({ store, codec: djangoCodec({ secrets: [SECRET_KEY] }), expiry })

const app = new Koa()
app.use(sessions({ engine, cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  // request.session['visits'] in Django.
  session.update('visits', (visits) => Number(visits ?? 0) + 1)
  ctx.body = { visits: session.get('visits'), user: session.userId }
})
const server = app.listen(Number(PORT), () => console.log('listening on', server.address()))
