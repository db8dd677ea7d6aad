import { isRowError } from '../../core/error-codes.ts'
import { KeyTakenError } from '../../core/errors.ts'
import { Batch } from './batch.ts'
import type { Layout } from './database-layouts.ts'
import type { Binding, Result, Row, Statement } from './database-statements.ts'

interface Change {
  readonly key: string
  /** The bindings of one change, without the time. */
  readonly bindings: readonly Binding[]
}

/** Sends a statement that is composed when a connection is available. */
type Send = (compose: () => Statement) => Promise<Result>

const MAX_BATCH = 256

/**
 * Batches loads and saves on SQLite, where statements queue for one connection. One statement for several operations costs
 * a fraction of several statements, because most of the cost is the switch to SQLite's thread and back.
 */
export class SqliteBatches {
  readonly #load: Batch<string, Row | undefined>
  readonly #save: Batch<Change, boolean>
  readonly #touch: Batch<Change, boolean>

  constructor(layout: Layout, time: () => Binding, send: Send) {
    const { sql, many } = layout
    this.#load = new Batch({
      maxItems: MAX_BATCH,
      ask: async (take) => {
        const { rows } = await send(() => ({ sql: many.load, bindings: [JSON.stringify(take()), time()] }))
        const byKey = new Map(rows.map((row) => [row['session_key'], row]))
        return (key) => byKey.get(key)
      },
    })
    const changes = (single: string, several: (rows: number) => string) =>
      new Batch<Change, boolean>({
        maxItems: MAX_BATCH,
        key: ({ key }) => key,
        isItemError: (error) => error instanceof KeyTakenError || isRowError(error),
        ask: async (take) => {
          const { rows, changes } = await send(() => {
            const taken = take()
            const bindings = taken.flatMap((change) => change.bindings)
            if (taken.length === 1) return { sql: single, bindings: [...bindings, time()] }
            // Powers of two, so that few different statements are prepared. Without bindings for the rows that are left
            // over: each would take the driver as long as a value.
            const room = 2 ** Math.ceil(Math.log2(taken.length))
            return { sql: several(room), bindings: [time(), ...bindings] }
          })
          const changed = new Set(rows.map((row) => row['session_key']))
          return ({ key }) => changes > 0 || changed.has(key)
        },
      })
    this.#save = changes(sql.save, many.save)
    this.#touch = changes(sql.touch, many.touch)
  }

  /** Returns the live row of a valid key. */
  load(key: string): Promise<Row | undefined> {
    return this.#load.run(key)
  }

  /** Changes a live row at its version; returns whether it did. */
  change(kind: 'save' | 'touch', key: string, bindings: readonly Binding[]): Promise<boolean> {
    return (kind === 'save' ? this.#save : this.#touch).run({ key, bindings })
  }
}
