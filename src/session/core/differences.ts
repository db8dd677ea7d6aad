import { isJsonObject, type Json, plainJson } from './data.ts'

interface Difference {
  /** Property names; never through the items of a list. */
  readonly path: readonly string[]
  readonly before: string | undefined
  readonly change: { kind: 'set'; value: Json } | { kind: 'remove' } | { kind: 'append'; items: readonly Json[] }
}

/** The changes between two JSON values: properties path by path, lists as appended or replaced. */
export function differences(before: Json, after: Json): Difference[] {
  const found: Difference[] = []
  compare(before, after, [], found)
  return found
}

function compare(before: Json, after: Json, path: readonly string[], found: Difference[]): void {
  if (before === after) return
  if (isJsonObject(before) && isJsonObject(after)) {
    for (const name of Object.keys(before)) {
      const [old, now] = [before[name], after[name]]
      if (old === undefined) continue
      if (now !== undefined) compare(old, now, [...path, name], found)
      else found.push({ path: [...path, name], before: JSON.stringify(old), change: { kind: 'remove' } })
    }
    for (const name of Object.keys(after)) {
      const now = after[name]
      if (now !== undefined && before[name] === undefined)
        found.push({ path: [...path, name], before: undefined, change: set(now) })
    }
    return
  }
  const [old, now] = [JSON.stringify(before), JSON.stringify(after)]
  if (old === now) return
  if (Array.isArray(before) && Array.isArray(after) && after.length > before.length) {
    const kept = JSON.stringify(after.slice(0, before.length)) === old
    if (kept) {
      found.push({ path, before: old, change: { kind: 'append', items: after.slice(before.length) } })
      return
    }
  }
  found.push({ path, before: old, change: set(after) })
}

/**
 * Applies differences to a newer value. Changes whose parent no longer exists are skipped.
 *
 * @param overwrote called for each path at which another request's value is replaced
 */
export function applyDifferences(newer: Json, list: readonly Difference[], overwrote: () => void): Json {
  // Wrapped, so that the value itself can be replaced like a property.
  const holder: { [key: string]: Json } = { value: plainJson(newer) }
  for (const { path, before, change } of list) {
    const names = ['value', ...path]
    const last = names.pop() ?? 'value'
    let parent: Json | undefined = holder
    for (const name of names) parent = isJsonObject(parent) ? parent[name] : undefined
    if (!isJsonObject(parent)) continue
    const current = parent[last]
    if (change.kind === 'append') {
      if (Array.isArray(current)) current.push(...change.items.map((item) => plainJson(item)))
      continue
    }
    const found = JSON.stringify(current)
    const wanted = change.kind === 'set' ? JSON.stringify(change.value) : undefined
    if (found !== before && found !== wanted) overwrote()
    if (change.kind === 'set') parent[last] = plainJson(change.value)
    else delete parent[last]
  }
  return holder['value'] ?? null
}

function set(value: Json): { kind: 'set'; value: Json } {
  return { kind: 'set', value }
}
