import type { Knex } from 'knex'
import { z } from 'zod'
import type { Cart } from './cart.ts'

const productRow = z.object({
  id: z.coerce.number().int(),
  name: z.string(),
  description: z.string(),
  price: z.coerce.number().int(),
  hue: z.coerce.number().int(),
})

export type Product = z.infer<typeof productRow>

/** A line of the cart with its current price. Prices are in minor units. */
export interface CartLine {
  readonly productId: number
  readonly name: string
  readonly quantity: number
  readonly unitPrice: number
  readonly total: number
}

const COLUMNS = ['id', 'name', 'description', 'price', 'hue']

/** The shop's products that can be bought. */
export class Catalog {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async page(page: number, length: number): Promise<{ items: Product[]; page: number; pages: number }> {
    const counted = await this.#active().count({ count: '*' }).first()
    const pages = Math.max(1, Math.ceil(Number(counted?.['count'] ?? 0) / length))
    const wanted = Math.min(Math.max(page, 1), pages)
    const rows = await this.#active()
      .select(COLUMNS)
      .orderBy('id')
      .limit(length)
      .offset((wanted - 1) * length)
    return { items: z.array(productRow).parse(rows), page: wanted, pages }
  }

  /** The name of a product; undefined if it cannot be bought. */
  async nameOf(id: number): Promise<string | undefined> {
    const [found]: unknown[] = await this.#active().where({ id }).limit(1).pluck('name')
    return found === undefined ? undefined : String(found)
  }

  /** The lines of the cart with prices from the database, and the ids of products that are no longer sold. */
  async priced(
    cart: Cart,
    knex: Knex = this.#knex,
  ): Promise<{ lines: CartLine[]; total: number; unavailable: number[] }> {
    const ids = Object.keys(cart.quantities).map(Number)
    const rows =
      ids.length === 0 ? [] : await knex('products').where({ active: true }).whereIn('id', ids).select(COLUMNS)
    const products = new Map(
      z
        .array(productRow)
        .parse(rows)
        .map((product) => [product.id, product]),
    )
    const lines = ids.flatMap((productId) => {
      const product = products.get(productId)
      const quantity = cart.quantities[productId] ?? 0
      if (product === undefined) return []
      return [{ productId, name: product.name, quantity, unitPrice: product.price, total: product.price * quantity }]
    })
    const total = lines.reduce((sum, line) => sum + line.total, 0)
    return { lines, total, unavailable: ids.filter((id) => !products.has(id)) }
  }

  #active() {
    return this.#knex('products').where({ active: true })
  }
}
