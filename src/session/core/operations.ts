import { emptyData, type Json, plainJson, type SessionData } from './data.ts'
import { userIdOf } from './user.ts'

/** Called where a result replaces what another request wrote at the same place. */
export type Report = () => void

/** A pure function of what is stored under a key; undefined for nothing. */
export type Apply = (current: Json | undefined, overwrote: Report) => Json | undefined

type Action =
  /** `before` is the JSON text of what the request found there. */
  | { kind: 'set'; value: Json; before: string | undefined }
  | { kind: 'default'; value: Json }
  | { kind: 'delete' }
  /** `replaces`: whatever the request did to this key before is part of it. */
  | { kind: 'apply'; apply: Apply; replaces?: boolean }

type Operation = (
  | ({ key: string } & Action)
  | { key: undefined; kind: 'clear' }
  | { key: undefined; kind: 'all'; apply: (data: SessionData) => void }
) &
  Fate & {
    readonly bySignIn: boolean
    /** The account has it already. */
    readonly adopted?: true
  }

/** What becomes of an operation where somebody signs in meanwhile. */
interface Fate {
  /** The key is a slice's that a sign-in keeps. */
  readonly survivesSignIn: boolean
  /** The key is a slice's that accounts keep. */
  readonly account: boolean
}

const NO_SLICE: Fate = { survivesSignIn: false, account: false }

/** What replays came upon; those of a part of the operations tell the whole. */
interface Findings {
  overwritten: Set<string>
  /** Whether the request knew nobody, in an application with accounts. */
  anonymous: boolean
}

/**
 * A replay has met a session that somebody has signed in to since, and the request, which knew nobody, has changed what
 * accounts keep: that is to be done to the account first, so that nothing is stored of what the account refuses. Never
 * leaves the engine.
 */
export class SignedInMeanwhileError extends Error {
  override readonly name = 'SignedInMeanwhileError'
  /** The data of that session. */
  readonly session: SessionData

  constructor(session: SessionData) {
    super('Somebody has signed in to this session meanwhile')
    this.session = session
  }
}

/**
 * What one request did to its session, as operations that mean something on any newer data. This is how overlapping
 * requests both survive: never the whole session is written, only what this request did to it.
 */
export class Operations {
  readonly #list: Operation[]
  readonly #found: Findings
  #bySignIn = false

  constructor(list: readonly Operation[] = [], found: Findings = nothingFound()) {
    this.#list = [...list]
    this.#found = found
  }

  get empty(): boolean {
    return this.#list.length === 0
  }

  /** The keys touched, for explanations; `*` for all of them. */
  get keys(): string[] {
    return [...new Set(this.#list.map(({ key }) => key ?? '*'))]
  }

  /** Keys whose value another request had changed as well, and which the last replay replaced. */
  get overwritten(): string[] {
    return [...this.#found.overwritten]
  }

  /** Whether all of them are on slices that a sign-in keeps, so that they may be applied after one. */
  get survivesSignIn(): boolean {
    return this.#list.every((operation) => operation.survivesSignIn)
  }

  /** Those that the request made beside its sign-in: all that is left to do where another request signed in first. */
  withoutSignIn(): Operations {
    return new Operations(
      this.#list.filter(({ bySignIn }) => !bySignIn),
      this.#found,
    )
  }

  /** Those on slices that accounts keep, but for what a sign-in did to them, or the account has. */
  forAccount(): Operations {
    return new Operations(this.#list.filter(isWaiting))
  }

  /** The account has them: a replay on a session that is signed in leaves them out. */
  adopted(): void {
    for (const [at, operation] of this.#list.entries()) {
      if (isForAccount(operation)) this.#list[at] = { ...operation, adopted: true }
    }
  }

  /** Says that the request knew nobody, in an application with accounts. */
  beginAnonymous(): void {
    this.#found.anonymous = true
  }

  /** These, and then others. */
  followedBy(later: Operations): Operations {
    return new Operations([...this.#list, ...later.#list])
  }

  /** What `work` records belongs to a sign-in. */
  signingIn(work: () => void): void {
    this.#bySignIn = true
    try {
      work()
    } finally {
      this.#bySignIn = false
    }
  }

  add(key: string, action: Action, fate: Partial<Fate> = {}): void {
    const operation: Operation = { key, ...action, ...NO_SLICE, ...fate, bySignIn: this.#bySignIn }
    if (action.kind === 'set' || action.kind === 'delete' || (action.kind === 'apply' && action.replaces))
      this.#forget(key)
    this.#list.push(operation)
  }

  clear(): void {
    this.#list.length = 0
    this.#list.push({ key: undefined, kind: 'clear', ...NO_SLICE, bySignIn: this.#bySignIn })
  }

  /** A function of all data, which changes them in place. */
  all(apply: (data: SessionData) => void): void {
    this.#list.push({ key: undefined, kind: 'all', apply, ...NO_SLICE, bySignIn: this.#bySignIn })
  }

  /**
   * The data with these operations applied; neither the argument nor a value of an operation is shared with them.
   *
   * @throws SignedInMeanwhileError after {@link Operations.beginAnonymous}; whatever an operation throws
   */
  replayOn(newer: SessionData): SessionData {
    let data = plainJson(newer) as SessionData
    const overwritten = new Set<string>()
    this.#found.overwritten = overwritten
    const isForeign = this.#found.anonymous && userIdOf(newer) !== null
    if (isForeign && this.#list.some(isWaiting)) throw new SignedInMeanwhileError(newer)
    for (const operation of this.#list) {
      if (isForeign && isForAccount(operation)) continue
      if (operation.kind === 'clear') data = emptyData()
      else if (operation.kind === 'all') operation.apply(data)
      else
        put(
          data,
          operation.key,
          result(operation, data[operation.key], () => overwritten.add(operation.key)),
        )
    }
    return data
  }

  /** A later set or delete makes earlier operations on its key needless, unless one on all data came between. */
  #forget(key: string): void {
    const border = this.#list.findLastIndex((operation) => operation.kind === 'all')
    for (let at = this.#list.length - 1; at > border; at--) {
      if (this.#list[at]?.key === key) this.#list.splice(at, 1)
    }
    if (!this.#bySignIn) return
    // What is left of them is part of the sign-in as well: the account takes over what they have led to.
    for (const [at, operation] of this.#list.entries()) {
      if (operation.key === key) this.#list[at] = { ...operation, bySignIn: true }
    }
  }
}

function nothingFound(): Findings {
  return { overwritten: new Set(), anonymous: false }
}

function isForAccount({ account, bySignIn }: Operation): boolean {
  return account && !bySignIn
}

function isWaiting(operation: Operation): boolean {
  return isForAccount(operation) && operation.adopted !== true
}

/** Stores or removes a value. */
export function put(data: SessionData, key: string, value: Json | undefined): void {
  if (value === undefined) delete data[key]
  else data[key] = value
}

function result(action: Action, current: Json | undefined, overwrote: Report): Json | undefined {
  if (action.kind === 'delete') return undefined
  if (action.kind === 'default') return current === undefined ? plainJson(action.value) : current
  if (action.kind === 'apply') return action.apply(current, overwrote)
  const found = JSON.stringify(current)
  if (found !== action.before && found !== JSON.stringify(action.value)) overwrote()
  return plainJson(action.value)
}
