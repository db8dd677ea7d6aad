import { setTimeout as sleep } from 'node:timers/promises'

/** The measured pages: without the session, reading it, changing it, and changing its key. */
export const KINDS = ['none', 'read', 'change', 'login'] as const

export type Kind = (typeof KINDS)[number]

/** The response of `/state`, to check that changes, logins and logouts were saved. */
export interface State {
  readonly changes: number
  readonly logins: number
  readonly user: string | null
  /** How many different items were added. */
  readonly items: number
  readonly hits: number
}

/** The body of every other page. */
export const BODY = 'dark'

/** A session of any middleware, as the pages use it. */
export interface PageSession {
  get(name: string): unknown
  set(name: string, value: unknown): void
  /** Called after a change in place, for middleware that does not notice one. */
  changed?(name: string, value: unknown): void
  /** Adds one, and one for each concurrent request. */
  increment?(name: string): void
  readonly user: unknown
  signIn(): Promise<void> | void
  end(): Promise<void> | void
}

export interface Reply {
  readonly status: number
  readonly body: string | State
}

/**
 * A page of any framework.
 *
 * @param open the session of this request
 * @param query without its question mark
 */
export type Page = (open: () => Promise<PageSession> | PageSession, query: string) => Promise<Reply> | Reply

// About 350 bytes as JSON: a small shop's session.
const LINES = 6
const SESSION = {
  theme: BODY,
  language: 'de',
  cart: {
    changes: 0,
    lines: Array.from({ length: LINES }, (_, index) => ({ sku: `product-${index}`, quantity: index })),
  },
  address: 'Musterstraße 12, 10115 Berlin',
  referrer: 'https://example.com/',
  items: [],
}

/** Between loading the session and changing it: long enough for all concurrent requests to have loaded it. */
const WORK_MS = 20
/** Long enough for a logout. */
const SLOW_MS = 500

const ANSWER: Reply = { status: 200, body: BODY }
// A missing session would be fast to read, so it counts as a wrong answer.
const MISSING: Reply = { status: 410, body: BODY }

export const PAGES: Readonly<Record<Kind | 'begin' | 'state' | 'add' | 'hit' | 'slow' | 'logout', Page>> = {
  none: () => ANSWER,
  async begin(open, query) {
    const session = await open()
    for (const [name, value] of Object.entries(structuredClone(SESSION))) session.set(name, value)
    if (query !== '') fill(session, new URLSearchParams(query))
    return ANSWER
  },
  async read(open) {
    const session = await open()
    cartOf(session)
    return answerFrom(session)
  },
  async change(open) {
    const session = await open()
    changeCart(session)
    return answerFrom(session)
  },
  async login(open) {
    const session = await open()
    session.set('logins', count(session.get('logins')) + 1)
    await session.signIn()
    return answerFrom(session)
  },
  async state(open) {
    const session = await open()
    const { user } = session
    const state = {
      changes: cartOf(session).changes,
      logins: count(session.get('logins')),
      user: typeof user === 'string' ? user : null,
      items: new Set(itemsOf(session)).size,
      hits: count(session.get('hits')),
    }
    return { ...answerFrom(session), body: state }
  },
  async add(open, query) {
    const session = await open()
    const items = itemsOf(session)
    await sleep(WORK_MS)
    items?.push(query)
    session.changed?.('items', items)
    return answerFrom(session)
  },
  async hit(open) {
    const session = await open()
    session.increment?.('hits')
    return answerFrom(session)
  },
  async slow(open) {
    const session = await open()
    cartOf(session)
    await sleep(SLOW_MS)
    changeCart(session)
    return answerFrom(session)
  },
  async logout(open) {
    const session = await open()
    await session.end()
    return ANSWER
  },
}

/** Makes the session larger by so many bytes, and by so many slices. */
function fill(session: PageSession, wanted: URLSearchParams): void {
  const bytes = Number(wanted.get('bytes') ?? 0)
  const piece = 'x'.repeat(50)
  if (bytes > 0) session.set('filling', Array(Math.ceil(bytes / (piece.length + 3))).fill(piece))
  for (let index = 0; index < Number(wanted.get('slices') ?? 0); index++) session.set(`slice-${index}`, {})
}

interface Cart {
  changes: number
  readonly lines: { quantity: number }[]
}

/** Pages read and change objects in place, as people write it. */
function cartOf(session: PageSession): Cart {
  const cart = session.get('cart') as Cart | undefined
  return cart?.lines.length === LINES ? cart : { changes: 0, lines: [] }
}

function changeCart(session: PageSession): void {
  const cart = cartOf(session)
  const [line] = cart.lines
  cart.changes++
  if (line !== undefined) line.quantity++
  session.changed?.('cart', cart)
}

function itemsOf(session: PageSession): unknown[] | undefined {
  const items = session.get('items')
  return Array.isArray(items) ? items : undefined
}

function answerFrom(session: PageSession): Reply {
  return session.get('theme') === BODY ? ANSWER : MISSING
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
