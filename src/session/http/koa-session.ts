import { hash } from 'node:crypto'
import type { Context, Middleware } from 'koa'
import type { Codec } from '../codec/codec.ts'
import { sealedCodec } from '../codec/sealed/sealed.ts'
import type { Secrets } from '../codec/secrets.ts'
import { asData } from '../codec/serializer.ts'
import type { SessionData } from '../core/data.ts'
import { KeyTakenError, StoreUnavailableError } from '../core/errors.ts'
import { EXPIRY_KEY } from '../core/expiry.ts'
import { StorageTime } from '../core/storage-time.ts'
import type { Session } from '../session.ts'
import type { SessionStore } from '../stores/store.ts'
import { clientOf } from './client.ts'
import { cookieValues } from './cookie.ts'
import { OpenedSession } from './opened-session.ts'
import type { SessionSettings } from './session-settings.ts'

/** The part of koa-session's `store` option that is needed here. */
export interface KoaSessionStore {
  get(key: string, maxAge: number, options: { rolling: boolean; ctx: Context }): Promise<unknown>
  destroy(key: string, options: { ctx: Context }): Promise<unknown>
}

/** Options for {@link adoptKoaSessions}. */
export interface KoaSessionOptions {
  /** As for `sessions()`. */
  readonly settings: SessionSettings
  /** Where it is remembered which sessions were adopted; the store of the sessions will do. */
  readonly adopted: SessionStore
  /** The secrets of the sessions, of at least 32 bytes. */
  readonly secrets: Secrets
  /** From then on no session is adopted any more. Remove the middleware then. */
  readonly until: Date
  /** koa-session's `key`: the name of its cookie; `koa.sess` by default. */
  readonly key?: string
  /** koa-session's `signed`; true by default, and then `app.keys` must be those of koa-session. */
  readonly signed?: boolean
  /** koa-session's `domain` and `path`, without which browsers would not remove its cookie. */
  readonly domain?: string
  readonly path?: string
  /** koa-session's `store`; undefined if the sessions are in the cookies. */
  readonly store?: KoaSessionStore
  /** koa-session's `decode`; JSON in base64 by default. */
  readonly decode?: (cookie: string) => unknown
  /**
   * Puts the old values into the new session, and signs in the user whom they name. All values are copied by default. A
   * session that it leaves empty is not adopted.
   */
  readonly convert?: (session: Session, values: SessionData) => Promise<void> | void
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const DAY_MS = 86_400_000
const HEADER_KEY = 'header'
const NO_METADATA = { userId: null, ipAddress: null, userAgent: null }

/**
 * Koa middleware that turns live sessions of koa-session into sessions of this engine, so that nobody is signed out by the
 * change. Use it before `sessions()`, and instead of koa-session.
 *
 * Which session an old cookie became is remembered until `until`. So overlapping requests with one old cookie share one
 * session, and an old cookie that comes back after a logout opens nothing. Earlier versions of a cookie that held the
 * session itself cannot be told from other sessions.
 *
 * @throws RangeError for secrets of fewer than 32 bytes
 */
export function adoptKoaSessions(options: KoaSessionOptions): Middleware {
  const { settings, key = 'koa.sess', signed = true, domain, path = '/', now = Date.now } = options
  const { cookie, engine } = settings
  const adoptions = new Adoptions(options)
  return async function adoptKoaSession(ctx, next) {
    const { headers } = ctx.req
    if (cookieValues(headers.cookie, key).length === 0) return await next()
    const isDue = cookieValues(headers.cookie, cookie.name).length === 0 && now() < options.until.getTime()
    const old = isDue ? ctx.cookies.get(key, { signed }) : undefined
    const time = new StorageTime(settings.storeTimeout)
    const header = old ? await adoptions.adopt(ctx, old, time) : undefined
    const [value] = cookieValues(header?.split(';')[0], cookie.name)
    if (value !== undefined) headers.cookie += `; ${cookie.name}=${value}`
    await next()
    if (ctx.headerSent) return
    // A shared cache would give these cookies to others, or remove theirs.
    ctx.set('Cache-Control', 'private, no-store')
    ctx.cookies.set(key, null, { signed, path, overwrite: true, ...(domain === undefined ? {} : { domain }) })
    if (header === undefined || value === undefined || sends(ctx, cookie.name)) return
    // If another request has changed the key meanwhile, the browser has a newer cookie. If the store is down, this cookie
    // comes with a later response.
    const opened = await time.wait(() => engine.open(value)).catch(() => undefined)
    if (opened?.live && !opened.loaded.forwarded) ctx.append('Set-Cookie', header)
  }
}

/** Remembers the Set-Cookie header of each adopted session, sealed under a key that only the old cookie gives. */
class Adoptions {
  readonly #options: KoaSessionOptions
  readonly #codec: Codec

  constructor(options: KoaSessionOptions) {
    this.#options = options
    this.#codec = sealedCodec({ secrets: options.secrets, namespace: 'koa-session' })
  }

  /** The header of the session that an old one became, now or before; undefined if there is none. */
  async adopt(ctx: Context, old: string, time: StorageTime): Promise<string | undefined> {
    const { store } = this.#options
    const key = hash('sha256', `koa-session\0${old}`, 'hex').slice(0, 32)
    const before = await this.#find(key, time)
    if (before !== undefined) return before
    const values = await this.#read(ctx, old, time)
    // Another request may have adopted it, and destroyed the old record, since the first look.
    if (values === undefined) return await this.#find(key, time)
    const created = await this.#create(ctx, values, time)
    if (created === undefined) return undefined
    if (!(await time.wait(() => this.#remember(key, created.header)))) {
      await created.session.flush()
      return await this.#find(key, time)
    }
    // A record that stays is not adopted again, and expires.
    await time.wait(async () => await store?.destroy(old, { ctx })).catch(() => {})
    return created.header
  }

  async #find(key: string, time: StorageTime): Promise<string | undefined> {
    const stored = await time.wait(() => this.#options.adopted.load(this.#codec.storeKey(key)))
    const decoded = stored && this.#codec.decode(key, stored.data)
    const header = decoded?.ok ? decoded.data[HEADER_KEY] : undefined
    return typeof header === 'string' ? header : undefined
  }

  /** @returns false if another request was first */
  async #remember(key: string, header: string): Promise<boolean> {
    const { adopted, until, now = Date.now } = this.#options
    const data = this.#codec.encode(key, { [HEADER_KEY]: header })
    const times = { createdAt: now(), lastActivity: now(), expires: until.getTime() }
    try {
      // Without an id, as a forward, it is neither listed nor counted.
      await adopted.create(this.#codec.storeKey(key), { data, sessionId: '', ...times, ...NO_METADATA })
      return true
    } catch (error) {
      if (error instanceof KeyTakenError) return false
      throw error
    }
  }

  async #create(ctx: Context, values: SessionData, time: StorageTime) {
    const { settings, convert = (session: Session, all: SessionData) => session.assign(all) } = this.#options
    const headers: string[] = []
    const { session } = new OpenedSession({ live: false, time }, settings, {
      client: clientOf(ctx),
      cookies: 0,
      canSendCookie: () => true,
      sendCookie: (header) => void headers.push(header),
    })
    await convert(session, values)
    if (session.isEmpty) return undefined
    await session.save()
    const header = headers.at(-1)
    return header === undefined ? undefined : { session, header }
  }

  /** The values of a live session, checked as koa-session does. */
  async #read(ctx: Context, old: string, time: StorageTime): Promise<SessionData | undefined> {
    const { store, decode = fromBase64, now = Date.now } = this.#options
    const found = store === undefined ? decoded(decode, old) : await ask(store, old, ctx, time)
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined
    const { _expire: expires, _maxAge, _session, ...values } = asData(found)
    if (typeof expires === 'number' && expires < now()) return undefined
    return _session === true ? { ...values, [EXPIRY_KEY]: 0 } : values
  }
}

/** An outage must not sign anybody out. */
async function ask(store: KoaSessionStore, key: string, ctx: Context, time: StorageTime): Promise<unknown> {
  try {
    const found = await time.wait(async () => await store.get(key, DAY_MS, { rolling: false, ctx }))
    // A store in memory may return what is not JSON yet, such as dates.
    return JSON.parse(JSON.stringify(found ?? null))
  } catch (error) {
    throw new StoreUnavailableError(error)
  }
}

function decoded(decode: (cookie: string) => unknown, cookie: string): unknown {
  try {
    return decode(cookie)
  } catch {
    return undefined
  }
}

function fromBase64(cookie: string): unknown {
  return JSON.parse(Buffer.from(cookie, 'base64').toString('utf8'))
}

function sends(ctx: Context, name: string): boolean {
  return [ctx.response.get('Set-Cookie')].flat().some((header) => header.startsWith(`${name}=`))
}
