import test from 'ava'
import { djangoCodec, djangoCookieCodec } from '../../src/session/codec/django/django.ts'
import { CookieEngine } from '../../src/session/engines/cookie/cookie.ts'
import type { Engine } from '../../src/session/engines/engine.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import type { CookieSettings } from '../../src/session/http/cookie.ts'
import { sessions } from '../../src/session/http/middleware.ts'
import type { Session } from '../../src/session/session.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { serve } from '../support/koa.ts'
import { VECTOR_SECRET, vectors } from '../support/vectors.ts'

interface Scenario {
  readonly version?: string
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly request_cookie: string | null
  readonly status: number
  readonly time: number
  readonly response_vary_before: string | null
  readonly set_cookie?: readonly string[]
  readonly vary?: string | null
  readonly session_key_after_is_none?: boolean
  readonly raised?: string
}

const NO_COOKIE = { cookies: 0 }

/**
 * Intended differences from Django, with reasons, as in docs/django.md. Everything
 * else must match to the attribute.
 */
const DIFFERENCES: Readonly<
  Record<string, { instead: { cookies?: number; vary?: string | null; throws?: boolean }; why: string }>
> = {
  untouched_short_cookie: {
    instead: { ...NO_COOKIE, vary: null },
    why: 'an untouched session is not read, so its cookie is not checked',
  },
  save_every_untouched_unknown: {
    instead: { ...NO_COOKIE, vary: 'Cookie' },
    why: 'reading never creates a session',
  },
  samesite_bad: { instead: { throws: true }, why: 'refused at startup, not with the first response' },
  samesite_none_str: {
    instead: { throws: true },
    why: 'browsers drop SameSite=None without Secure: refused at startup',
  },
  delete_samesite_none: {
    instead: { throws: true },
    why: 'browsers drop SameSite=None without Secure: refused at startup',
  },
  file_traversal_cookie_read: {
    instead: { ...NO_COOKIE, vary: 'Cookie' },
    why: 'an unknown key does not clear the cookie',
  },
  file_uppercase_cookie_read: {
    instead: { ...NO_COOKIE, vary: 'Cookie' },
    why: 'an unknown key does not clear the cookie',
  },
  cache_bad_chars_read: {
    instead: { ...NO_COOKIE, vary: 'Cookie' },
    why: 'an unknown key does not clear the cookie',
  },
}

/** The view of a scenario, by the scenario's name. */
function view(name: string, end: () => Promise<unknown>): ((session: Session) => Promise<void> | void) | undefined {
  if (name === 'modify_then_delete') {
    return async (session) => {
      session.set('b', 2)
      await end()
    }
  }
  if (name.includes('untouched') || name === 'save_every_500') return undefined
  if (name.includes('flush') || name.startsWith('delete_')) return (session) => session.flush()
  if (name.includes('clear')) return (session) => session.clear()
  if (name.includes('cycle')) return (session) => session.cycleKey()
  if (/(^|_)read(_|$)/.test(name)) return (session) => void session.get('a')
  const expiry = { expiry_300: 300, expiry_negative: -10, expiry_float: 10.7 }[name]
  return (session) => {
    session.set('b', 2)
    if (expiry !== undefined) session.setExpiry(expiry)
  }
}

function cookieSettings(settings: Scenario['settings']): CookieSettings {
  const name = settings['SESSION_COOKIE_NAME'] ?? 'sessionid'
  const sameSite = 'SESSION_COOKIE_SAMESITE' in settings ? settings['SESSION_COOKIE_SAMESITE'] || false : 'Lax'
  const domain = settings['SESSION_COOKIE_DOMAIN']
  return {
    name: String(name),
    path: String(settings['SESSION_COOKIE_PATH'] ?? '/'),
    domain: domain === undefined ? undefined : String(domain),
    // Django lets a __Host- cookie be made without Secure, which every browser refuses.
    secure: String(name).startsWith('__'),
    httpOnly: settings['SESSION_COOKIE_HTTPONLY'] !== false,
    sameSite: sameSite as CookieSettings['sameSite'],
    maxSize: 4096,
  }
}

async function play(scenario: Scenario) {
  const { name, settings, request_cookie, status, time, response_vary_before } = scenario
  const now = () => time * 1000
  const expiry = {
    cookieAge: Number(settings['SESSION_COOKIE_AGE'] ?? 1_209_600),
    atBrowserClose: false,
    touchAfter: 0.1,
  }
  const codec = djangoCodec({ secrets: [VECTOR_SECRET], now })
  const stored = new StoredEngine({
    store: new MemoryStore({ now }),
    codec,
    expiry: { ...expiry, cookieAge: 1_209_600 },
    now,
  })
  const cookieCodec = djangoCookieCodec({ secrets: [VECTOR_SECRET], now })
  const inCookie = String(settings['SESSION_ENGINE']).endsWith('signed_cookies')
  const engine: Engine = inCookie ? new CookieEngine({ codec: cookieCodec, expiry, maxSize: 4096, now }) : stored
  let cookie = request_cookie
  if (cookie?.startsWith('<KEY OF')) {
    const key = 'k'.repeat(32)
    const data = codec.encode(key, Object.assign(Object.create(null), { a: 1 }))
    const record = {
      data,
      expires: now() + 1_209_600_000,
      createdAt: now(),
      lastActivity: now(),
      userId: null,
      sessionId: null,
      ipAddress: null,
      userAgent: null,
    }
    await stored.store.create(key, record)
    cookie = key
  }
  let session: Session | undefined
  const { origin, close } = await serve(
    sessions({
      engine,
      cookie: cookieSettings(settings),
      expiry,
      saveEveryRequest: settings['SESSION_SAVE_EVERY_REQUEST'] === true,
      now,
    }),
    async (ctx) => {
      ctx.status = status
      ctx.body = 'ok'
      if (response_vary_before !== null) ctx.set('Vary', response_vary_before)
      const act = view(name, () => stored.store.delete('k'.repeat(32)))
      if (act === undefined) return
      session = await ctx.session()
      await act(session)
    },
  )
  try {
    // Node's client and server both refuse control characters in headers, so a space stands for each.
    cookie = cookie?.replace(/\p{Cc}/gu, ' ') ?? null
    const headers = cookie === null ? {} : { cookie: `${cookieSettings(settings).name}=${cookie}` }
    const response = await fetch(origin, { headers, redirect: 'manual' })
    return {
      status: response.status,
      cookies: response.headers.getSetCookie(),
      vary: response.headers.get('vary'),
      key: session?.key,
    }
  } finally {
    close()
  }
}

/** Name, value and attributes of a Set-Cookie line, in one form for both sides; keys and signatures are random. */
function parsed(line: string) {
  const [pair = '', ...attributes] = line.split('; ')
  const value = pair.slice(pair.indexOf('=') + 1).replaceAll('"', '')
  return {
    name: pair.slice(0, pair.indexOf('=')),
    value: value === '' ? 'cleared' : 'set',
    attributes: attributes.map((attribute) => attribute.replace(/^expires/i, 'Expires')).sort(),
  }
}

for (const scenario of vectors<Scenario>('middleware')) {
  const { name, set_cookie = [], vary = null } = scenario
  const difference = DIFFERENCES[name]
  test(`Django middleware: ${name}`, async (t) => {
    if (difference?.instead.throws) {
      await t.throwsAsync(play(scenario), { instanceOf: TypeError })
      return
    }
    const { status, cookies, vary: ourVary, key } = await play(scenario)
    if (scenario.raised === 'SessionInterrupted') {
      // Behaviour 90: there it becomes a 400, here a 409.
      t.deepEqual([status, cookies], [409, []])
      return
    }
    if (difference === undefined) {
      t.deepEqual(cookies.map(parsed), set_cookie.map(parsed))
      t.is(ourVary, vary)
      if (key !== undefined && !name.startsWith('sc_')) t.is(key === null, scenario.session_key_after_is_none ?? true)
      return
    }
    t.is(cookies.length, difference.instead.cookies ?? 0, difference.why)
    if (difference.instead.vary !== undefined) t.is(ourVary, difference.instead.vary, difference.why)
    // A difference that is none any more must leave the table.
    t.notDeepEqual([cookies.map(parsed), ourVary], [set_cookie.map(parsed), vary], difference.why)
  })
}

// Older releases saved on 503 and forgot Vary with save-every-request: we do as the newest does.
for (const scenario of vectors<Scenario>('middleware_differences')) {
  test(`Django ${scenario.version} differed: ${scenario.name}`, async (t) => {
    const { cookies, vary } = await play(scenario)
    if (scenario.status >= 500) t.deepEqual(cookies, [])
    else if (!(scenario.name in DIFFERENCES)) t.is(cookies.length, (scenario.set_cookie ?? []).length)
    t.is(vary, 'Cookie')
  })
}
