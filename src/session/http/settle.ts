/** What happened to the session while a request was handled. */
export interface Facts {
  /** The status of the answer. */
  readonly status: number
  /** The handler called `ctx.session()`, or every request counts as activity. */
  readonly asked: boolean
  /** The request carried something under the cookie's name, or its answer does. */
  readonly hadCookie: boolean
  /** That led to a live session, which was not flushed since. */
  readonly live: boolean
  readonly flushed: boolean
  /** Something was changed (since the flush, if there was one). */
  readonly changed: boolean
  /** Something was changed of what the account keeps. */
  readonly accountChanged: boolean
  /** The session holds no data at all. */
  readonly empty: boolean
  readonly cycled: boolean
  /** Enough of the sliding window has passed to write the activity down. */
  readonly touchDue: boolean
}

/** What to do about it. */
export interface Decision {
  readonly write: 'none' | 'create' | 'save' | 'cycle' | 'touch'
  /** Whether the account is written. */
  readonly account: boolean
  /** `set`: it is sent if the browser does not have it. */
  readonly cookie: 'none' | 'set' | 'clear'
  /** `Vary: Cookie`: the answer depends on the cookie, or sets it. */
  readonly vary: boolean
  /** `Cache-Control: private, no-store`. */
  readonly personal: boolean
  /** The reason in words, for the developer. */
  readonly why: string
}

const NOTHING = { write: 'none', account: false, cookie: 'none', vary: true, personal: false } as const

/** One pure function decides: what happened in, what to save, set and send out. */
export function settle(facts: Facts): Decision {
  if (!facts.asked) return { ...NOTHING, vary: false, why: 'the handler never asked for the session' }
  if (facts.status >= 500) {
    return facts.flushed && facts.hadCookie && !facts.live
      ? { ...NOTHING, cookie: 'clear', personal: true, why: 'the session was ended, although the request failed' }
      : { ...NOTHING, personal: facts.live, why: 'nothing is saved when a request fails' }
  }
  return { ...ofSession(facts), account: facts.accountChanged }
}

function ofSession(facts: Facts): Decision {
  const changed = facts.changed && !(facts.empty && !facts.live)
  if (!facts.live && (changed || facts.cycled)) return written('create', 'something was stored for the first time')
  if (!facts.live && facts.flushed && facts.hadCookie) {
    return { ...NOTHING, cookie: 'clear', personal: true, why: 'the session was ended' }
  }
  if (!facts.live) return { ...NOTHING, why: 'there is nothing to keep' }
  if (facts.cycled) return written('cycle', 'the session moves to a new key')
  if (facts.changed) return written('save', 'the session was changed')
  if (facts.touchDue) return written('touch', 'the activity is worth writing down')
  if (facts.accountChanged) return { ...NOTHING, personal: true, why: 'what the account keeps was changed' }
  return { ...NOTHING, personal: true, why: 'the session was only read' }
}

function written(write: 'create' | 'save' | 'cycle' | 'touch', why: string): Decision {
  return { ...NOTHING, write, cookie: 'set', personal: true, why }
}
