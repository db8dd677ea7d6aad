// @ts-check
// Plain JavaScript. Node 22.18 and later read the engine's TypeScript themselves: node examples/javascript.js
// Older ones need a loader, node --import=tsx examples/javascript.js, or the engine compiled: docs/copying-the-engine.md.
import Koa from 'koa'
import { sealedCodec } from '../src/session/codec/sealed/sealed.ts'
import { StoredEngine, sessions, signIn, signOut } from '../src/session/index.ts'
import { FileStore } from '../src/session/stores/file/file.ts'

const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
/** @type {import('../src/session/index.ts').CookieSettings} */
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 }
const codec = sealedCodec({ secrets: ['at least 32 random bytes of your own'], namespace: cookie.name })
const store = new FileStore({ folder: process.env['FOLDER'] ?? 'data/example-sessions' })
await store.prepare()
const engine = new StoredEngine({ store, codec, expiry })

const app = new Koa()
app.use(sessions({ engine, cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  // A real application asks for a password first, and accepts changes from its own pages only.
  if (ctx.method === 'POST' && ctx.path === '/sign-in') await signIn(session, 'ada')
  if (ctx.method === 'POST' && ctx.path === '/sign-out') await signOut(session)
  ctx.body = { user: session.userId }
})
const server = app.listen(Number(process.env['PORT'] ?? 3000), () => console.log('listening on', server.address()))
