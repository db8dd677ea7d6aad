import { emptyData, type Json, plainJson, type SessionData } from './data.ts'

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
) & { readonly survivesSignIn: boolean; readonly bySignIn: boolean }

/**
 * What one request did to its session, as operations that mean something on any newer data. This is how overlapping
 * requests both survive: never the whole session is written, only what this request did to it.
 */
export class Operations {
  readonly #list: Operation[]
  #bySignIn = false
  #overwritten = new Set<string>()

  constructor(list: readonly Operation[] = []) {
    this.#list = [...list]
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
    return [...this.#overwritten]
  }

  /** Whether all of them are on slices that a sign-in keeps, so that they may be applied after one. */
  get survivesSignIn(): boolean {
    return this.#list.every((operation) => operation.survivesSignIn)
  }

  /** Those that the request made beside its sign-in: all that is left to do where another request signed in first. */
  withoutSignIn(): Operations {
    return new Operations(this.#list.filter(({ bySignIn }) => !bySignIn))
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

  /** @param survivesSignIn whether the key is a slice's that a sign-in keeps */
  add(key: string, action: Action, survivesSignIn = false): void {
    const operation: Operation = { key, ...action, survivesSignIn, bySignIn: this.#bySignIn }
    if (action.kind === 'set' || action.kind === 'delete' || (action.kind === 'apply' && action.replaces))
      this.#forget(key)
    this.#list.push(operation)
  }

  clear(): void {
    this.#list.length = 0
    this.#list.push({ key: undefined, kind: 'clear', survivesSignIn: false, bySignIn: this.#bySignIn })
  }

  /** A function of all data, which changes them in place. */
  all(apply: (data: SessionData) => void): void {
    this.#list.push({ key: undefined, kind: 'all', apply, survivesSignIn: false, bySignIn: this.#bySignIn })
  }

  /** The data with these operations applied; neither the argument nor a value of an operation is shared with them. */
  replayOn(newer: SessionData): SessionData {
    let data = plainJson(newer) as SessionData
    const overwritten = new Set<string>()
    this.#overwritten = overwritten
    for (const operation of this.#list) {
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
  }
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
