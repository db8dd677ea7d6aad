import type { Knex } from 'knex'
import { z } from 'zod'
import type { CarriedSlices, Json } from './session/index.ts'

const rows = z.array(z.object({ slice: z.string(), data: z.string() }))

/** What an account keeps of its session between sign-out and the next sign-in, on whatever device. */
export class SavedSlices {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async load(userId: string): Promise<CarriedSlices> {
    const found = rows.parse(
      await this.#knex('saved_slices')
        .where({ user_id: Number(userId) })
        .select('slice', 'data'),
    )
    return new Map(found.map(({ slice, data }) => [slice, JSON.parse(data) as Json]))
  }

  async save(userId: string, slices: CarriedSlices): Promise<void> {
    if (slices.size === 0) return
    const values = [...slices].map(([slice, value]) => ({
      user_id: Number(userId),
      slice,
      data: JSON.stringify(value),
      updated_at: Date.now(),
    }))
    await this.#knex('saved_slices').insert(values).onConflict(['user_id', 'slice']).merge()
  }
}
