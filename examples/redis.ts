// Sessions in Redis, through a client that the application has already: node --import=tsx examples/redis.ts
import Koa from 'koa'
import { createClient } from 'redis'
import { RedisCache } from '../src/session/caches/redis/redis.ts'
import { sealedCodec } from '../src/session/codec/sealed/sealed.ts'
import { StoredEngine, sessions } from '../src/session/index.ts'
import { CacheStore } from '../src/session/stores/cache.ts'

const client = createClient({ url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' })
client.on('error', (error) => console.error(String(error)))
await client.connect()

const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const codec = sealedCodec({ secrets: ['at least 32 random bytes of your own'], namespace: cookie.name })
const cache = new RedisCache({ client })
await cache.connect()
const engine = new StoredEngine({ store: new CacheStore({ cache, prefix: 'example' }), codec, expiry })

const app = new Koa()
app.use(sessions({ engine, cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  session.update('visits', (visits) => Number(visits ?? 0) + 1)
  ctx.body = `visits: ${session.get('visits')}`
})
const server = app.listen(Number(process.env['PORT'] ?? 3000), () => console.log('listening on', server.address()))

process.once('SIGTERM', () =>
  server.close(async () => {
    await cache.close()
    client.destroy()
  }),
)
