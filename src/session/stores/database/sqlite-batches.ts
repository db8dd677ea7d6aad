import { isFaultOfRow } from '../../core/error-codes.ts'
import { KeyTakenError } from '../../core/errors.ts'
import { Batch } from './batch.ts'
import type { Layout } from './database-layouts.ts'
import type { Binding, Result, Row, Statement } from './database-statements.ts'

interface Change {
  readonly key: string
  /** Those of one change, without the time. */
  readonly bindings: readonly Binding[]
}

/** Sends a statement that is made when the connection is there. */
type Send = (compose: () => Statement) => Promise<Result>

const MOST = 256

/**
 * The hot path on SQLite, where statements queue for one connection: what waits goes in one statement, which costs a
 * fraction of as many, because most of a statement's cost is the way to SQLite's thread and back.
 */
export class SqliteBatches {
  readonly #load: Batch<string, Row | undefined>
  readonly #save: Batch<Change, boolean>
  readonly #touch: Batch<Change, boolean>

  constructor(layout: Layout, time: () => Binding, send: Send) {
    const { sql, many } = layout
    this.#load = new Batch({
      most: MOST,
      ask: async (take) => {
        const { rows } = await send(() => ({ sql: many.load, bindings: [JSON.stringify(take()), time()] }))
        const byKey = new Map(rows.map((row) => [row['session_key'], row]))
        return (key) => byKey.get(key)
      },
    })
    const changes = (single: string, several: (rows: number) => string) =>
      new Batch<Change, boolean>({
        most: MOST,
        key: ({ key }) => key,
        isFaultOfOne: (error) => error instanceof KeyTakenError || isFaultOfRow(error),
        ask: async (take) => {
          const { rows, changes } = await send(() => {
            const taken = take()
            const bindings = taken.flatMap((change) => change.bindings)
            if (taken.length === 1) return { sql: single, bindings: [...bindings, time()] }
            // Powers of two, so that few statements are ever prepared; the rows of NULL match nothing.
            const room = 2 ** Math.ceil(Math.log2(taken.length))
            const empty = Array<null>((bindings.length / taken.length) * (room - taken.length)).fill(null)
            return { sql: several(room), bindings: [...bindings, ...empty, time()] }
          })
          const changed = new Set(rows.map((row) => row['session_key']))
          return ({ key }) => changes > 0 || changed.has(key)
        },
      })
    this.#save = changes(sql.save, many.save)
    this.#touch = changes(sql.touch, many.touch)
  }

  /** The live row of a key that the layout thinks possible. */
  load(key: string): Promise<Row | undefined> {
    return this.#load.run(key)
  }

  /** Whether a live row was as it was read, and was changed. */
  change(kind: 'save' | 'touch', key: string, bindings: readonly Binding[]): Promise<boolean> {
    return (kind === 'save' ? this.#save : this.#touch).run({ key, bindings })
  }
}
