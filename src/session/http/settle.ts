/** What happened to the session during a request. */
export interface Facts {
  /** The HTTP status of the response. */
  readonly status: number
  /** The handler called `ctx.session()`, or every request counts as activity. */
  readonly asked: boolean
  /** The request had a session cookie, or the response sets one. */
  readonly hadCookie: boolean
  /** There is a live session, which was not flushed since. */
  readonly live: boolean
  readonly flushed: boolean
  /** Something was changed, since the flush if there was one. */
  readonly changed: boolean
  /** Something of the account was changed. */
  readonly accountChanged: boolean
  /** The session has no data. */
  readonly empty: boolean
  readonly cycled: boolean
  /** Enough of the sliding window has passed to write the activity. */
  readonly touchDue: boolean
}

/**
 * What to write and send at the end of a request.
 *
 * @example
 * const isWrite = (decision: Decision) => decision.write !== 'none'
 */
export interface Decision {
  readonly write: 'none' | 'create' | 'save' | 'cycle' | 'touch'
  /** Whether the account is written. */
  readonly account: boolean
  /** `set`: sent if the browser does not have it. */
  readonly cookie: 'none' | 'set' | 'clear'
  /** `Vary: Cookie`: the response depends on the cookie or sets it. */
  readonly vary: boolean
  /** `Cache-Control: private, no-store`. */
  readonly personal: boolean
  /** The reason in words, for the developer. */
  readonly why: string
}

const NOTHING = { write: 'none', account: false, cookie: 'none', vary: true, personal: false } as const

// One object for each decision, because every request makes one. Frozen: handlers get it with the explanation.
const UNASKED = nothing('the handler never asked for the session', { vary: false })
const ENDED_FAILED = clear('the session was ended, although the request failed')
const FAILED = nothing('nothing is saved when a request fails')
const FAILED_LIVE = nothing(FAILED.why, { personal: true })
const CREATE = write('create', 'something was stored for the first time')
const ENDED = clear('the session was ended')
const EMPTY = nothing('there is nothing to keep')
const CYCLE = write('cycle', 'the session gets a new key')
const SAVE = write('save', 'the session was changed')
const TOUCH = write('touch', 'the activity is due to be written')
const ACCOUNT = nothing('what the account keeps was changed', { personal: true })
const READ = nothing('the session was only read', { personal: true })

/** Decides, as a pure function, what is saved and which cookie is sent. */
export function settle(facts: Facts): Decision {
  if (!facts.asked) return UNASKED
  if (facts.status >= 500) {
    if (facts.flushed && facts.hadCookie && !facts.live) return ENDED_FAILED
    return facts.live ? FAILED_LIVE : FAILED
  }
  const decision = decideForSession(facts)
  return facts.accountChanged ? { ...decision, account: true } : decision
}

function decideForSession(facts: Facts): Decision {
  const changed = facts.changed && !(facts.empty && !facts.live)
  if (!facts.live && (changed || facts.cycled)) return CREATE
  if (!facts.live) return facts.flushed && facts.hadCookie ? ENDED : EMPTY
  if (facts.cycled) return CYCLE
  if (facts.changed) return SAVE
  if (facts.touchDue) return TOUCH
  return facts.accountChanged ? ACCOUNT : READ
}

function write(write: 'create' | 'save' | 'cycle' | 'touch', why: string): Decision {
  return Object.freeze({ ...NOTHING, write, cookie: 'set', personal: true, why })
}

function clear(why: string): Decision {
  return Object.freeze({ ...NOTHING, cookie: 'clear', personal: true, why })
}

function nothing(why: string, rest: Partial<Decision> = {}): Decision {
  return Object.freeze({ ...NOTHING, ...rest, why })
}
