import type { Context, Middleware } from 'koa'
import { django, sealed } from './floors/cookies.ts'
import type { FloorOptions, Medium } from './floors/medium.ts'
import { cached, file, memory, redis, sqlite } from './floors/stored.ts'

/** The media of the hand-written middleware. */
export const FLOORS = ['memory', 'sealed', 'django', 'redis', 'cached', 'sqlite', 'file'] as const

/** One of {@link FLOORS}. */
export type Floor = (typeof FLOORS)[number]

const MEDIA: Readonly<Record<Floor, (options: FloorOptions) => Medium>> = {
  memory,
  sealed,
  django,
  redis,
  cached,
  sqlite,
  file,
}

/** A session as the hand-written middleware has it. */
export interface FloorSession {
  data: Record<string, unknown>
}

/**
 * Sessions as somebody would write them by hand for one page: with the same cryptography, input and output as the engine,
 * and without its guarantees. Nothing can do the same work for much less.
 */
export function floorSessions(floor: Floor, options: FloorOptions): Middleware {
  const medium = MEDIA[floor](options)
  return async function floorSession(ctx, next) {
    let found: { session: FloorSession; cookie: string | undefined; before: string } | undefined
    const load = async () => {
      const cookie = /(?:^|; )sessionid=([^;]*)/.exec(ctx.req.headers.cookie ?? '')?.[1]
      const text = cookie === undefined ? undefined : await medium.load(cookie)
      const data = text === undefined ? {} : (JSON.parse(text) as Record<string, unknown>)
      return { session: { data }, cookie: text === undefined ? undefined : cookie, before: text ?? '{}' }
    }
    const open = async () => {
      found = await load()
      return found.session
    }
    // Not in one step: V8 would make the function in the old generation.
    ctx['floorSession'] = open
    await next()
    if (found === undefined) return
    ctx.vary('Cookie')
    ctx.set('Cache-Control', 'private, no-store')
    const text = JSON.stringify(found.session.data)
    if (text === found.before) return
    const cookie = await medium.save(found.cookie, text)
    if (cookie !== found.cookie) ctx.set('Set-Cookie', `sessionid=${cookie}; path=/; httponly; samesite=lax`)
  }
}

/** The session of a page under {@link floorSessions}. */
export async function floorSession(ctx: Context): Promise<FloorSession> {
  return (await (ctx['floorSession'] as () => Promise<FloorSession>)()) as FloorSession
}
