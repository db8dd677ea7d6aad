import type { ExecutionContext } from 'ava'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from '../../../src/session/codec/sealed/sealed-cookie.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import type { ExpiryPolicy } from '../../../src/session/core/expiry.ts'
import { HybridEngine } from '../../../src/session/engines/hybrid/hybrid.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { signIn, signOut } from '../../../src/session/sign-in.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import type { SessionStore } from '../../../src/session/stores/store.ts'
import { steer } from '../../support/caches.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { application, type Handler } from '../../support/handlers.ts'

/** Most characters of a session's cookie here. */
export const LIMIT = 1000
/** Milliseconds after which no request is still using a record. */
export const QUIET = 60_000
/** A record's key and nothing else. */
export const KEY = /^sid=[a-z0-9]{32}$/

const SECRETS: [string] = ['a secret of the tests: 6f1f0c2b9d8e4a7c']

/** What several processes share. */
export function sharedState(options: { expiry?: ExpiryPolicy; maxBytes?: number } = {}) {
  const clock = { now: START }
  const now = () => clock.now
  const { expiry = EXPIRY, maxBytes = 65_536 } = options
  return { clock, now, expiry, maxBytes, store: new MemoryStore({ now }), revocations: new MemoryRevocations({ now }) }
}

export type SharedState = ReturnType<typeof sharedState>

/** One process: its site, and its store, which the test controls. */
export async function hybridSite(
  t: ExecutionContext,
  shared: SharedState = sharedState(),
  handlers: Record<string, Handler> = {},
) {
  const { expiry, now, maxBytes } = shared
  const crash: CrashPlan = { calls: 0, end: undefined }
  const store = steer<SessionStore>(withCrash(shared.store, crash))
  const revocations = steer(withCrash(shared.revocations, crash))
  const codec = sealedCookieCodec({ secrets: SECRETS, cookieName: 'sid', compressAbove: LIMIT / 2, now })
  const stored = new StoredEngine({
    store: store.steered,
    codec: sealedCodec({ secrets: SECRETS, namespace: 'sid', maxBytes }),
    expiry,
    now,
  })
  const engine = new HybridEngine({ codec, stored, revocations: revocations.steered, expiry, limit: LIMIT, now })
  const events: string[] = []
  const { get } = await application(
    t,
    {
      '/add': async (_ctx, session) => (await session()).update('n', (n) => Number(n ?? 0) + 1),
      '/fill': async (ctx, session) => (await session()).set('text', noise(Number(ctx.querystring))),
      '/set': async (ctx, session) => (await session()).set(ctx.querystring, true),
      '/in': async (ctx, session) => await signIn(await session(), ctx.querystring || 'ada'),
      '/out': async (_ctx, session) => await signOut(await session()),
      '/cycle': async (_ctx, session) => await (await session()).cycleKey(),
      ...handlers,
    },
    {
      engine,
      expiry,
      now,
      observe: (event) => void (event.type === 'security' && events.push(event.kind)),
    },
  )
  return { engine, stored, store, revocations, crash, get, events, clock: shared.clock }
}

/** The number of calls of a process to shared storage, and the one at which it crashes. */
interface CrashPlan {
  calls: number
  /** From this call on it gets no response; `performed`: whether this call itself takes effect. */
  end: { at: number; performed: boolean } | undefined
}

function withCrash<T extends object>(real: T, crash: CrashPlan): T {
  return new Proxy(real, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        crash.calls++
        const { end } = crash
        if (end === undefined || crash.calls < end.at) return await member.apply(target, args)
        if (crash.calls === end.at && end.performed) await member.apply(target, args)
        throw new StoreUnavailableError()
      }
    },
  })
}

type Site = Awaited<ReturnType<typeof hybridSite>>

/** A browser with one cookie, and all that it ever had. */
export class Browser {
  cookie: string | undefined
  readonly earlier: string[] = []
  readonly #site: Site

  constructor(site: Site, cookie?: string) {
    this.#site = site
    this.cookie = cookie
  }

  async visit(path: string) {
    const answer = await this.request(path)
    this.receive(answer)
    return answer
  }

  /** The request alone: its answer may be lost, or come late. */
  async request(path: string) {
    return await this.#site.get(path, this.cookie)
  }

  receive({ setCookie, cookie }: { setCookie: string; cookie: string }): void {
    if (setCookie === '') return
    this.cookie = setCookie.includes('Max-Age=0') ? undefined : cookie
    if (this.cookie !== undefined) this.earlier.push(this.cookie)
  }

  /** What the session holds; long text by its length. */
  async read(): Promise<Record<string, unknown>> {
    return await readAs(this.#site, this.cookie)
  }
}

/** What a visitor with this cookie sees. */
export async function readAs(site: Site, cookie: string | undefined): Promise<Record<string, unknown>> {
  const data: Record<string, unknown> = JSON.parse((await site.get('/read', cookie)).text)
  return { ...data, ...(typeof data['text'] === 'string' ? { text: data['text'].length } : {}) }
}

/** Text that does not compress, the same in every run. */
export function noise(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  let state = 1
  return Array.from({ length }, () => {
    state = (state * 48271) % 2147483647
    return alphabet[state % 64]
  }).join('')
}
