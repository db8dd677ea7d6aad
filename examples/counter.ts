// Counts the visits of each browser, in memory: node --import=tsx examples/counter.ts
import Koa from 'koa'
import { sealedCodec } from '../src/session/codec/sealed/sealed.ts'
import { StoredEngine, sessions } from '../src/session/index.ts'
import { MemoryStore } from '../src/session/stores/memory.ts'

const secret = process.env['SECRET_KEY'] ?? 'at least 32 random bytes of your own'
const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const codec = sealedCodec({ secrets: [secret], namespace: cookie.name })
const engine = new StoredEngine({ store: new MemoryStore(), codec, expiry })

const app = new Koa()
app.use(sessions({ engine, cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  session.update('visits', (visits) => Number(visits ?? 0) + 1)
  ctx.body = `visits: ${session.get('visits')}`
})
const server = app.listen(Number(process.env['PORT'] ?? 3000), () => console.log('listening on', server.address()))
