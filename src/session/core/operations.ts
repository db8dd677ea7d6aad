import { emptyData, type Json, plainJson, type SessionData } from './data.ts'
import { userIdOf } from './user.ts'

/** Called when a result replaces what another request wrote at the same path. */
export type OnOverwrite = () => void

/** A pure function of the stored value of a key; undefined if there is none. */
export type ApplyChange = (current: Json | undefined, overwrote: OnOverwrite) => Json | undefined

type Action =
  /** `before` is the JSON of the value that the request read. */
  | { kind: 'set'; value: Json; before: string | undefined }
  | { kind: 'default'; value: Json }
  | { kind: 'delete' }
  /** `replaces`: includes what the request did to this key before. */
  | { kind: 'apply'; apply: ApplyChange; replaces?: boolean }

/** Of all data. */
type WholeAction = { kind: 'clear' } | { kind: 'all'; apply: (data: SessionData) => void }

type Operation = ({ key: string; action: Action } | { key: undefined; action: WholeAction }) &
  SliceRules & {
    readonly bySignIn: boolean
    /** The account has saved it already. */
    readonly adopted?: true
  }

/** Rules of the slice, for a replay after another request has signed in. */
interface SliceRules {
  /** The slice is kept at sign-in. */
  readonly survivesSignIn: boolean
  /** The slice is kept by accounts. */
  readonly account: boolean
}

/** What replays found; shared with parts of these operations. */
interface ReplayResult {
  overwritten: ReadonlySet<string>
  /** Whether the request was anonymous, in an application with accounts. */
  anonymous: boolean
}

/**
 * An anonymous request changed slices that accounts keep, and another request has signed in meanwhile: the changes must
 * go to the account first, so that nothing is stored if the account refuses them. Never leaves the engine.
 */
export class SignedInMeanwhileError extends Error {
  override readonly name = 'SignedInMeanwhileError'
  /** The data of that session. */
  readonly session: SessionData

  constructor(session: SessionData) {
    super('Another request has signed in to this session')
    this.session = session
  }
}

/**
 * The changes of one request as operations that can be replayed on newer data. This is how overlapping requests keep
 * each other's changes: what is written is the newest data with this request's operations.
 */
export class Operations {
  readonly #list: Operation[]
  readonly #replay: ReplayResult
  #bySignIn = false

  constructor(list: readonly Operation[] = [], found: ReplayResult = emptyResult()) {
    this.#list = [...list]
    this.#replay = found
  }

  get empty(): boolean {
    return this.#list.length === 0
  }

  /** The keys touched, for explanations; `*` for all of them. */
  get keys(): string[] {
    return [...new Set(this.#list.map(({ key }) => key ?? '*'))]
  }

  /** Keys that another request had changed as well and that the last replay overwrote. */
  get overwritten(): string[] {
    return [...this.#replay.overwritten]
  }

  /** Whether all of them are on slices that a sign-in keeps, so that they may be replayed after one. */
  get survivesSignIn(): boolean {
    return this.#list.every((operation) => operation.survivesSignIn)
  }

  /** The operations that are not part of a sign-in, for when another request has signed in first. */
  withoutSignIn(): Operations {
    return new Operations(
      this.#list.filter(({ bySignIn }) => !bySignIn),
      this.#replay,
    )
  }

  /** The operations on slices that accounts keep, except those of a sign-in and those that the account has saved. */
  forAccount(): Operations {
    return new Operations(this.#list.filter(isPendingForAccount))
  }

  /** Marks them as saved by the account: a replay on a signed-in session skips them. */
  markAdopted(): void {
    for (const [at, operation] of this.#list.entries()) {
      if (isForAccount(operation)) this.#list[at] = { ...operation, adopted: true }
    }
  }

  /** Marks the request as anonymous, in an application with accounts. */
  startedAnonymous(): void {
    this.#replay.anonymous = true
  }

  /** These operations followed by others. */
  followedBy(later: Operations): Operations {
    return new Operations([...this.#list, ...later.#list])
  }

  /** Marks the operations that `work` records as part of a sign-in. */
  signingIn(work: () => void): void {
    this.#bySignIn = true
    try {
      work()
    } finally {
      this.#bySignIn = false
    }
  }

  add(key: string, action: Action, fate: Partial<SliceRules> = {}): void {
    const { survivesSignIn = false, account = false } = fate
    const operation: Operation = { key, action, survivesSignIn, account, bySignIn: this.#bySignIn }
    if (action.kind === 'set' || action.kind === 'delete' || (action.kind === 'apply' && action.replaces))
      this.#removeEarlier(key)
    this.#list.push(operation)
  }

  clear(): void {
    this.#list.length = 0
    this.#addWhole({ kind: 'clear' })
  }

  /** Records a function that changes all data in place. */
  all(apply: (data: SessionData) => void): void {
    this.#addWhole({ kind: 'all', apply })
  }

  #addWhole(action: WholeAction): void {
    this.#list.push({ key: undefined, action, survivesSignIn: false, account: false, bySignIn: this.#bySignIn })
  }

  /**
   * Returns a copy of the data with these operations applied.
   *
   * @throws SignedInMeanwhileError after {@link Operations.startedAnonymous}; any error of an operation
   */
  replayOn(newer: SessionData): SessionData {
    let data = plainJson(newer) as SessionData
    const overwritten = new Set<string>()
    this.#replay.overwritten = overwritten
    const isForeign = this.#replay.anonymous && userIdOf(newer) !== null
    if (isForeign && this.#list.some(isPendingForAccount)) throw new SignedInMeanwhileError(newer)
    for (const operation of this.#list) {
      if (isForeign && isForAccount(operation)) continue
      const { key, action } = operation
      if (key !== undefined)
        put(
          data,
          key,
          result(action, data[key], () => overwritten.add(key)),
        )
      else if (action.kind === 'clear') data = emptyData()
      else action.apply(data)
    }
    return data
  }

  /** A later set or delete replaces earlier operations on its key, back to the last one on all data. */
  #removeEarlier(key: string): void {
    const start = this.#list.findLastIndex(({ action }) => action.kind === 'all')
    for (let at = this.#list.length - 1; at > start; at--) {
      if (this.#list[at]?.key === key) this.#list.splice(at, 1)
    }
    if (!this.#bySignIn) return
    // The remaining ones become part of the sign-in, because the account merges their result.
    for (const [at, operation] of this.#list.entries()) {
      if (operation.key === key) this.#list[at] = { ...operation, bySignIn: true }
    }
  }
}

const NONE: ReadonlySet<string> = new Set()

function emptyResult(): ReplayResult {
  return { overwritten: NONE, anonymous: false }
}

function isForAccount({ account, bySignIn }: Operation): boolean {
  return account && !bySignIn
}

function isPendingForAccount(operation: Operation): boolean {
  return isForAccount(operation) && operation.adopted !== true
}

/** Stores or removes a value. */
export function put(data: SessionData, key: string, value: Json | undefined): void {
  if (value === undefined) delete data[key]
  else data[key] = value
}

function result(action: Action, current: Json | undefined, overwrote: OnOverwrite): Json | undefined {
  if (action.kind === 'delete') return undefined
  if (action.kind === 'default') return current === undefined ? plainJson(action.value) : current
  if (action.kind === 'apply') return action.apply(current, overwrote)
  const found = JSON.stringify(current)
  if (found !== action.before && found !== JSON.stringify(action.value)) overwrote()
  return plainJson(action.value)
}
