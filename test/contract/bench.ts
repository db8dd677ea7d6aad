import type { ExecutionContext } from 'ava'
import type { Engine } from '../../src/session/engines/engine.ts'
import { type ExpiryPolicy, type SessionEvent, sessions, signIn } from '../../src/session/index.ts'
import { NotSupportedError } from '../../src/session/stores/store.ts'
import { send } from '../support/client.ts'
import { EXPIRY, START } from '../support/engine.ts'
import { COOKIE, deferred } from '../support/handlers.ts'
import { serve } from '../support/koa.ts'

/** What an engine is opened with. */
export interface Opening {
  readonly now: () => number
  readonly expiry: ExpiryPolicy
  observe(event: SessionEvent): void
}

/** The storage of one test, empty at first. */
export interface Setup {
  /** The engine on this storage; each call is another process. */
  open(opening: Opening): Promise<Engine> | Engine
  /** The bytes of the only record, for a test that damages them; absent where the cookie is the record. */
  readonly record?: { read(): Promise<Buffer>; write(bytes: Buffer): Promise<void> }
  /** Takes the storage away, and brings it back; absent where there is none. */
  readonly outage?: { begin(): Promise<void> | void; end(): Promise<void> | void }
  close(): Promise<void> | void
}

/** What this engine cannot promise, each with a test that shows it. */
export interface Exceptions {
  /**
   * The session is in the cookie: overlapping changes are last-writer-wins, an anonymous copy works till its age is over,
   * and after a change of key a change with the old cookie is refused.
   */
  readonly cookieAlone?: true
  /** Beside the cookie: a session has to be this large to be where the engine's promises hold. */
  readonly ballast?: number
  /** The format has no forwards: a change of key ends the old one at once. */
  readonly oldKeyEnds?: true
  /** An outage of the storage is bridged: no request fails. */
  readonly bridgesOutages?: true
}

/** An application on this setup, in one or more processes. */
export async function applicationOn(
  t: ExecutionContext,
  fresh: (now: () => number) => Promise<Setup>,
  settings: Partial<ExpiryPolicy> = {},
) {
  const clock = { now: START }
  const now = () => clock.now
  const setup = await fresh(now)
  t.teardown(() => setup.close())
  const expiry = { ...EXPIRY, ...settings }
  const events: SessionEvent[] = []
  const observe = (event: SessionEvent) => void events.push(event)
  const gate = { arrived: deferred(), open: deferred() }

  const start = async () => {
    const engine = await setup.open({ now, expiry, observe })
    const { origin, close } = await serve(
      sessions({ engine, cookie: COOKIE, expiry, now, observe, storeTimeout: 10_000 }),
      async (ctx) => {
        ctx.body = 'ok'
        if (ctx.path === '/nothing') return
        const session = await ctx.session()
        if (ctx.path === '/begin') session.assign({ n: 0, ...payload(Number(ctx.query['ballast'] ?? 0)) })
        if (ctx.path === '/slow') {
          gate.arrived.resolve()
          await gate.open.promise
        }
        if (ctx.path === '/slow' || ctx.path === '/increment') session.update('n', (n) => Number(n ?? 0) + 1)
        if (ctx.path === '/grow') session.set('large', 'x'.repeat(Number(ctx.query['bytes'])))
        if (ctx.path === '/sign-in') await signIn(session, String(ctx.query['user'] ?? '7'))
        if (ctx.path === '/rotate') await session.cycleKey()
        if (ctx.path === '/end') await session.flush()
        if (ctx.path === '/end-user' || ctx.path === '/end-others') {
          try {
            await engine.endUser(session.userId ?? '', ctx.path === '/end-others' ? session.id : null)
          } catch (error) {
            if (!(error instanceof NotSupportedError)) throw error
            ctx.status = 501
          }
        }
        if (ctx.path === '/read') ctx.body = { n: session.get('n') ?? null, user: session.userId }
      },
    )
    t.teardown(close)
    return async (path: string, cookie = '') => {
      const response = await send(origin + path, { headers: cookie === '' ? {} : { cookie } })
      const sent = response.headers.getSetCookie().find((line) => line.startsWith('sid=')) ?? ''
      return {
        status: response.status,
        text: response.text,
        setCookie: sent,
        /** What a browser sends from now on. */
        cookie: sent === '' ? cookie : (sent.split(';', 1)[0] ?? ''),
        retryAfter: response.headers.get('retry-after'),
      }
    }
  }
  const get = await start()
  return { get, another: start, clock, events, gate, setup }
}

/** Text that does not get smaller when it is deflated. */
function payload(bytes: number): Record<string, string> {
  let state = 1
  const letter = () => {
    state = (state * 48_271) % 2_147_483_647
    return String.fromCharCode(33 + (state % 90))
  }
  return bytes === 0 ? {} : { ballast: Array.from({ length: bytes }, letter).join('') }
}
