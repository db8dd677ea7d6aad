/** What a client asked for. A session is named by the client that began it. */
export type Op =
  | { readonly kind: 'login' }
  | { readonly kind: 'logout' }
  /** `once`: with an idempotency key, so that a repeat must not count again. */
  | { readonly kind: 'add'; readonly item: string; readonly once: boolean }
  | { readonly kind: 'setPref'; readonly name: string; readonly value: number }
  | { readonly kind: 'read' }

/** What an answer showed of the session; null if it was anonymous. */
export type Observed = {
  readonly session: string
  readonly user: string
  readonly items: readonly string[]
  readonly prefs: Readonly<Record<string, number>>
} | null

/** One request. */
export interface HistoryEvent {
  /** Milliseconds on one clock. */
  readonly begin: number
  readonly end: number
  readonly process: number
  readonly client: string
  /** The session that the request's cookie stands for; of a login the one that begins. */
  readonly session: string
  readonly user: string
  readonly op: Op
  /**
   * `fail`: it was refused before anything was written, and never takes effect. `unknown`: no answer, a cut one, or a 5xx:
   * it may have taken effect, or still do so later.
   */
  readonly outcome: 'ok' | 'fail' | 'unknown'
  /** Of HTTP; undefined without an answer. */
  readonly status?: number
  /** Undefined if the answer did not show it. */
  readonly observed?: Observed
}

/** What is wrong, a sentence for each; all empty if nothing is. */
export interface Verdict {
  /** Acknowledged changes that are not there, and live sessions whose visitor was anonymous. */
  readonly lost: readonly string[]
  /** Sessions that were open after they had ended. */
  readonly resurrected: readonly string[]
  /** Answers with something of another session or user. */
  readonly crossed: readonly string[]
  /** Items that are there more often than they were added, or although they were refused. */
  readonly doubled: readonly string[]
  /** Values that nobody ever wrote. */
  readonly torn: readonly string[]
}

type Seen = HistoryEvent & { readonly observed: NonNullable<Observed> }
type Change<K extends Op['kind']> = HistoryEvent & { readonly op: Extract<Op, { kind: K }> }

/**
 * Says what a history of concurrent requests contains that no correct store could have answered.
 *
 * @param options.unsettledMs milliseconds after a request without an answer for which what it has added may be shown and
 *   then not, as while it was under way; by default what was shown once is there from then on
 */
export function check(
  history: readonly HistoryEvent[],
  { unsettledMs }: { readonly unsettledMs?: number | undefined } = {},
): Verdict {
  const bySession = groupBy(history, ({ session }) => session)
  const owners = new Map(history.flatMap(({ op, session }) => (op.kind === 'add' ? [[op.item, session] as const] : [])))
  const found = [...bySession.values()].map((events) => new SessionCheck(events, owners, unsettledMs).run())
  const all = (kind: keyof Verdict) => [...new Set(found.flatMap((verdict) => verdict[kind]))]
  return {
    lost: all('lost'),
    resurrected: all('resurrected'),
    crossed: all('crossed'),
    doubled: all('doubled'),
    torn: all('torn'),
  }
}

/** Whether a history passes. */
export function isClean(verdict: Verdict): boolean {
  return Object.values(verdict).every((sentences) => sentences.length === 0)
}

class SessionCheck {
  readonly #events: readonly HistoryEvent[]
  readonly #owners: ReadonlyMap<string, string>
  readonly #unsettledMs: number | undefined
  readonly #found = {
    lost: [] as string[],
    resurrected: [] as string[],
    crossed: [] as string[],
    doubled: [] as string[],
    torn: [] as string[],
  }

  constructor(events: readonly HistoryEvent[], owners: ReadonlyMap<string, string>, unsettledMs: number | undefined) {
    this.#events = events
    this.#owners = owners
    this.#unsettledMs = unsettledMs
  }

  run(): Verdict {
    const answers = this.#events.filter(({ observed }) => observed !== undefined)
    const own = answers.filter((event): event is Seen => event.observed !== null && this.#isOwn(event))
    this.#checkLife(
      answers.filter(({ observed }) => observed === null),
      own,
    )
    this.#checkItems(own)
    this.#checkPrefs(own)
    return this.#found
  }

  #isOwn({ session, user, observed, op, client }: HistoryEvent): boolean {
    if (observed?.session === session && observed.user === user) return true
    this.#found.crossed.push(
      `${client} asked for ${session} of ${user} (${op.kind}) and got ${observed?.session} of ${observed?.user}`,
    )
    return false
  }

  #checkLife(anonymous: readonly HistoryEvent[], own: readonly Seen[]): void {
    const begun = this.#events.find(({ op, outcome }) => op.kind === 'login' && outcome === 'ok')
    const endings = this.#events.filter(({ op, outcome }) => op.kind === 'logout' && outcome !== 'fail')
    for (const event of anonymous) {
      if (begun === undefined || begun.end > event.begin || event.op.kind === 'logout') continue
      if (!endings.some(({ begin }) => begin < event.end)) {
        this.#found.lost.push(`${event.session} was live, and ${event.client} was anonymous (${at(event)})`)
      }
    }
    // Dead from the moment that an ending was acknowledged, or was seen to have taken effect.
    const firstEnding = Math.min(...endings.map(({ begin }) => begin))
    const dead = Math.min(
      ...endings.filter(({ outcome }) => outcome === 'ok').map(({ end }) => end),
      ...anonymous.filter(({ end }) => end > firstEnding).map(({ end }) => end),
    )
    for (const event of own) {
      if (event.begin <= dead) continue
      this.#found.resurrected.push(`${event.session} had ended at ${dead.toFixed()}, and was open for ${at(event)}`)
    }
  }

  #checkItems(own: readonly Seen[]): void {
    const adds = this.#changes('add')
    const byItem = groupBy(adds, ({ op }) => op.item)
    for (const seen of own) {
      const counts = new Map<string, number>()
      for (const item of seen.observed.items) counts.set(item, (counts.get(item) ?? 0) + 1)
      for (const [item, count] of counts) this.#checkCount(seen, item, count, byItem.get(item) ?? [])
    }
    for (const [item, attempts] of byItem) {
      const shown = own.filter(({ observed }) => observed.items.includes(item))
      const since = this.#settledAt(attempts, Math.min(...shown.map(({ end }) => end)))
      const without = own.find(({ begin, observed }) => begin > since && !observed.items.includes(item))
      if (without !== undefined)
        this.#found.lost.push(`${item} was there at ${since.toFixed()}, not for ${at(without)}`)
    }
  }

  /** From when on an item must be there: once it was acknowledged or seen, unless it may still be unsettled. */
  #settledAt(attempts: readonly Change<'add'>[], shown: number): number {
    const ends = (wanted: string) => attempts.filter(({ outcome }) => outcome === wanted).map(({ end }) => end)
    const acknowledged = Math.min(...ends('ok'))
    if (this.#unsettledMs === undefined) return Math.min(acknowledged, shown)
    const unknown = ends('unknown')
    if (unknown.length === 0) return acknowledged
    // A repeat that finds the item there changes nothing: its answer only shows it.
    return Math.max(Math.min(acknowledged, shown), Math.max(...unknown) + this.#unsettledMs)
  }

  #checkCount(seen: Seen, item: string, count: number, attempts: readonly Change<'add'>[]): void {
    const owner = this.#owners.get(item)
    if (owner === undefined) this.#found.torn.push(`${seen.session} has ${item}, which nobody added`)
    else if (owner !== seen.session) this.#found.crossed.push(`${seen.session} has ${item} of ${owner}`)
    else {
      const possible = attempts.filter(({ begin, outcome }) => begin < seen.end && outcome !== 'fail')
      const most = possible.filter(({ op }) => !op.once).length + (possible.some(({ op }) => op.once) ? 1 : 0)
      if (count > most) this.#found.doubled.push(`${item} was added ${most} times at most, and is there ${count} times`)
    }
  }

  /** Each preference is a register: the last write wins, and an unknown one may be late. */
  #checkPrefs(own: readonly Seen[]): void {
    const writes = groupBy(this.#changes('setPref'), ({ op }) => op.name)
    for (const seen of own) {
      for (const name of Object.keys(seen.observed.prefs)) {
        if (!writes.has(name)) this.#found.torn.push(`${seen.session} has the preference ${name}, which nobody set`)
      }
      for (const [name, all] of writes) this.#checkPref(seen, name, all)
    }
  }

  #checkPref(seen: Seen, name: string, all: readonly Change<'setPref'>[]): void {
    const value = seen.observed.prefs[name]
    const sources = all.filter(({ op, outcome, begin }) => op.value === value && outcome !== 'fail' && begin < seen.end)
    if (value !== undefined && sources.length === 0) {
      this.#found.torn.push(`${seen.session} has ${name}=${value}, which nobody set`)
      return
    }
    const later = all.filter(({ outcome, end }) => outcome === 'ok' && end < seen.begin)
    const overwritten = (end: number) => later.some(({ begin }) => begin > end)
    const lastEnd = (source: HistoryEvent) => (source.outcome === 'ok' ? source.end : Number.POSITIVE_INFINITY)
    const isStale = value === undefined ? later.length > 0 : sources.every((source) => overwritten(lastEnd(source)))
    if (isStale) this.#found.lost.push(`${seen.session} has ${name}=${value} after a later one was set (${at(seen)})`)
  }

  #changes<K extends Op['kind']>(kind: K): Change<K>[] {
    return this.#events.filter((event): event is Change<K> => event.op.kind === kind)
  }
}

function at({ client, process, op, begin, end }: HistoryEvent): string {
  return `${op.kind} by ${client} at process ${process}, ${begin.toFixed()} to ${end.toFixed()}`
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
