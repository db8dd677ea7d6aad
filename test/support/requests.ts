import type { Observer } from '../../src/session/core/events.ts'
import type { ExpiryPolicy } from '../../src/session/core/expiry.ts'
import type { Commit, Committed, Engine, Loaded } from '../../src/session/engines/engine.ts'
import { Session } from '../../src/session/session.ts'
import { SessionState } from '../../src/session/session-state.ts'

interface Bench {
  readonly engine: Engine
  readonly expiry: ExpiryPolicy
  readonly now: () => number
  readonly observe: Observer
}

const client = { ipAddress: null, userAgent: null }

/** One request: opens, changes, and commits as the middleware would. */
export async function open({ engine, expiry, now, observe }: Bench, cookie?: string) {
  const opened = cookie === undefined ? { live: false as const } : await engine.open(cookie)
  const state = new SessionState(opened.live ? opened.loaded : undefined, {
    expiry,
    now,
    observe,
    cookieHoldsData: false,
    canSendCookie: () => true,
    save: async () => {},
    end: (one) => engine.end(one),
    unread: opened.live ? undefined : opened.unread,
  })
  const session = new Session(state)
  const commit = async (write: Commit['write'] = 'save') => {
    const { operations: changes, ...rest } = state.take()
    return await engine.commit({ write: rest.loaded === undefined ? 'create' : write, changes, client, ...rest })
  }
  return { session, state, commit, live: opened.live }
}

/** A new session with these data; answers its cookie. */
export async function begun(bench: Bench, data: Record<string, unknown> = { n: 0 }): Promise<string> {
  const { session, commit } = await open(bench)
  session.assign(data)
  const committed = await commit()
  return cookieOf(committed)
}

/** The cookie of a commit; empty for none. */
export function cookieOf(committed: Committed): string {
  return committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
}

/** What the cookie leads to, if anything. */
export async function read(bench: Bench, cookie: string): Promise<Loaded['data'] | undefined> {
  const opened = await bench.engine.open(cookie)
  return opened.live ? opened.loaded.data : undefined
}

export const increment = (n: unknown) => Number(n ?? 0) + 1
