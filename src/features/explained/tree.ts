import { isJsonObject, type Json } from '../../session/core/data.ts'
import type { Translate } from '../../web/i18n.ts'
import type { Format } from './formats.ts'
import type { Entry, SliceEntry, ValueChange } from './values.ts'

/** A value of the session, or several of them under a name. */
export interface TreeNode {
  readonly name: string
  readonly notes: readonly string[]
  /** Of a single value. */
  readonly text?: string
  readonly children?: readonly TreeNode[]
}

/** A change as a row of a table. */
export interface ChangeRow {
  readonly path: string
  readonly before: string
  readonly after: string
}

/** The data of a session as a tree, with the version and the size of each slice. */
export function treeOf(entries: readonly Entry[], t: Translate, format: Format): TreeNode[] {
  return entries.map(({ key, value, bytes, slice }) => {
    const size = format.bytes(bytes)
    return { ...node(key, value), notes: slice === undefined ? [size] : [size, ...sliceNotes(slice, t, format)] }
  })
}

/** What a request changed, as rows. */
export function changeRows(changes: readonly ValueChange[], t: Translate): ChangeRow[] {
  const text = (value: Json | undefined) => (value === undefined ? t('nothing') : JSON.stringify(value))
  return changes.map(({ path, before, after }) => ({ path: path.join('.'), before: text(before), after: text(after) }))
}

function node(name: string, value: Json): TreeNode {
  const entries = Array.isArray(value) ? value.map((item, index): [string, Json] => [String(index), item]) : undefined
  const below = entries ?? (isJsonObject(value) ? Object.entries(value) : [])
  if (below.length === 0) return { name, notes: [], text: JSON.stringify(value) }
  return { name, notes: [], children: below.map(([under, one]) => node(under, one)) }
}

function sliceNotes({ version, changedAt, declared }: SliceEntry, t: Translate, format: Format): string[] {
  const changed = t('changed {when}', { when: format.distance(changedAt) })
  if (declared === undefined) return [t('unknown slice, version {version}', { version }), changed]
  const { version: newest, budget, account } = declared
  return [
    version === newest
      ? t('slice, version {version}', { version })
      : t('slice, version {version}, read as {newest}', { version, newest }),
    ...(account ? [t('kept for the account')] : []),
    changed,
    t('at most {limit}', { limit: format.bytes(budget) }),
  ]
}
