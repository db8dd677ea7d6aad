// A list in the session with a schema, a lifetime, a budget and a rule for overlapping changes:
// node --import=tsx examples/typed-slice.ts, then curl -c jar -b jar -d tea http://localhost:3000
import { text } from 'node:stream/consumers'
import Koa from 'koa'
import { z } from 'zod'
import { sealedCodec } from '../src/session/codec/sealed/sealed.ts'
import { defineSlice, StoredEngine, sessions } from '../src/session/index.ts'
import { MemoryStore } from '../src/session/stores/memory.ts'

const wishes = defineSlice({
  name: 'wishes',
  schema: z.array(z.string().min(1).max(100)),
  default: (): string[] => [],
  lifetime: 86_400, // seconds without a change
  budget: 4096, // bytes
  merge: (mine, theirs) => [...new Set([...theirs, ...mine])], // of two lists that were set at the same time
  login: 'keep',
  logout: 'drop',
})

const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const codec = sealedCodec({ secrets: ['at least 32 random bytes of your own'], namespace: cookie.name })
const engine = new StoredEngine({ store: new MemoryStore(), codec, expiry })

const app = new Koa()
app.use(sessions({ engine, cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  if (ctx.method === 'POST') {
    const wish = await text(ctx.req)
    if (wish.length === 0 || wish.length > 100) ctx.throw(422, 'A wish has 1 to 100 characters.')
    // A function of the current list: called again with the newer one if another request saves first.
    session.update(wishes, (now) => [...now, wish])
  }
  const first: string | undefined = session.get(wishes)[0] // typed: not Json
  ctx.body = { first: first ?? null, all: session.get(wishes) }
})
const server = app.listen(Number(process.env['PORT'] ?? 3000), () => console.log('listening on', server.address()))
