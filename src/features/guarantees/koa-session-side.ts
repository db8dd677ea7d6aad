import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import Koa, { type Context } from 'koa'
import koaSession from 'koa-session'
import { LRUCache } from 'lru-cache'
import { NOT_BEGUN, PAGE, requireRoom, SESSION_SECONDS, type Side } from './side.ts'

const MAX_SESSIONS = 1000
// A store on a server takes about as long.
const STORE_MS = 2

interface Data {
  readonly user?: string
  readonly items?: readonly number[]
  readonly signedIn?: boolean
}

/** koa-session has no types for `ctx.session`; null after a sign-out. */
type OldSession = (Data & { regenerate(): Promise<void> }) | null

/** koa-session as its documentation shows it: a store on the server, and a new key at sign-in. */
export function koaSessionSide(): Side {
  const stored = new LRUCache<string, Data>({ max: MAX_SESSIONS, ttl: SESSION_SECONDS * 1000 })
  // It defines `ctx.session` for a whole application.
  const koa = new Koa()
  koa.keys = [randomBytes(32).toString('base64url')]
  const options = {
    key: 'guarantees-koa-session',
    path: PAGE,
    maxAge: SESSION_SECONDS * 1000,
    sameSite: 'lax',
    store: {
      get: async (key: string): Promise<unknown> => {
        await pause(STORE_MS)
        return structuredClone(stored.get(key))
      },
      set: async (key: string, data: Data) => {
        await pause(STORE_MS)
        stored.set(key, structuredClone(data))
      },
      destroy: async (key: string) => {
        await pause(STORE_MS)
        stored.delete(key)
      },
    },
  }
  const open = koaSession(options, koa)

  async function withSession(ctx: Context, work: (inner: { session: OldSession }) => Promise<void> | void) {
    const inner = koa.createContext(ctx.req, ctx.res)
    await open(inner, async () => await work(inner as unknown as { session: OldSession }))
  }

  function requireBegun(ctx: Context, session: OldSession) {
    if (session?.user === undefined) return ctx.throw(409, NOT_BEGUN)
    return session
  }

  return {
    begin: (ctx) =>
      withSession(ctx, async ({ session }) => {
        await session?.regenerate()
        Object.assign(session ?? {}, { user: randomUUID(), items: [], signedIn: false })
      }),
    add: (ctx, { item, work }) =>
      withSession(ctx, async ({ session }) => {
        const begun = requireBegun(ctx, session)
        requireRoom(ctx, begun.items)
        await pause(work)
        Object.assign(begun, { items: [...(begun.items ?? []), item] })
      }),
    signIn: (ctx, attempt) =>
      withSession(ctx, async ({ session }) => {
        await attempt()
        // The second of two clicks may find its session destroyed. It signs in all the same, as with a password.
        Object.assign(session ?? {}, { user: session?.user ?? randomUUID(), signedIn: true })
        await session?.regenerate()
      }),
    signOut: (ctx) =>
      withSession(ctx, (inner) => {
        requireBegun(ctx, inner.session)
        inner.session = null
      }),
    async state(ctx) {
      let found: Data = {}
      await withSession(ctx, ({ session }) => {
        found = { ...session }
      })
      const { user, items = [], signedIn = false } = found
      const own = [...stored.values()].filter((one) => user !== undefined && one.user === user && one.signedIn)
      return { items, signedIn, sessions: own.length }
    },
    end: (ctx) =>
      withSession(ctx, (inner) => {
        inner.session = null
      }),
  }
}
