import { emptyData, type Json, plainJson, type SessionData } from './data.ts'

type Change = { kind: 'set'; value: unknown } | { kind: 'delete' } | { kind: 'update'; apply: Apply }

/** A pure function of what is stored under a key; undefined for nothing. */
export type Apply = (current: Json | undefined) => Json | undefined

/**
 * What one request changed, key by key, in a form that can be applied again to data somebody else
 * has saved meanwhile. This is how overlapping requests both survive: never the whole session is
 * written, only what this request did to it.
 */
export class Changes {
  #cleared = false
  readonly #byKey = new Map<string, Change[]>()

  get empty(): boolean {
    return !this.#cleared && this.#byKey.size === 0
  }

  /** The keys touched, for explanations; a cleared session is shown as `*`. */
  get keys(): string[] {
    return [...(this.#cleared ? ['*'] : []), ...this.#byKey.keys()]
  }

  /** Last writer wins. The value is read at replay, so a handler may go on changing it until the answer. */
  set(key: string, value: unknown): void {
    this.#byKey.set(key, [{ kind: 'set', value }])
  }

  delete(key: string): void {
    this.#byKey.set(key, [{ kind: 'delete' }])
  }

  /** Applied to whatever is there at replay. */
  update(key: string, apply: Apply): void {
    const earlier = this.#byKey.get(key) ?? []
    this.#byKey.set(key, [...earlier, { kind: 'update', apply }])
  }

  clear(): void {
    this.#cleared = true
    this.#byKey.clear()
  }

  /** The data with these changes made; neither the argument nor a changed value is shared with the result. */
  replayOn(newer: SessionData): SessionData {
    const data = this.#cleared ? emptyData() : (plainJson(newer) as SessionData)
    for (const [key, changes] of this.#byKey) {
      for (const change of changes) {
        const value = valueAfter(change, data[key])
        if (value === undefined) delete data[key]
        else data[key] = value
      }
    }
    return data
  }
}

function valueAfter(change: Change, current: Json | undefined): Json | undefined {
  if (change.kind === 'delete') return undefined
  return change.kind === 'set' ? plainJson(change.value) : change.apply(current)
}
