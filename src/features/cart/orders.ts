import { hash } from 'node:crypto'
import type { Knex } from 'knex'
import { z } from 'zod'
import type { AccountChange } from '../../session/index.ts'
import type { Users } from '../../users.ts'
import type { CartLine } from './catalog.ts'

const orderRow = z.object({
  id: z.coerce.number().int(),
  total: z.coerce.number().int(),
  created_at: z.coerce.number(),
})
const summaryRow = orderRow.extend({ items: z.coerce.number().int() })
const lineRow = z.object({
  product_id: z.coerce.number().int(),
  name: z.string(),
  quantity: z.coerce.number().int(),
  unit_price: z.coerce.number().int(),
})

export interface Order {
  readonly id: number
  readonly total: number
  readonly createdAt: number
  readonly lines: readonly CartLine[]
}

/** An order in a list; `items` counts its pieces. */
export interface OrderSummary {
  readonly id: number
  readonly total: number
  readonly createdAt: number
  readonly items: number
}

/** Orders in the database. */
export class Orders {
  readonly #knex: Knex
  readonly #users: Users

  constructor(knex: Knex, users: Users) {
    this.#knex = knex
    this.#users = users
  }

  /**
   * Writes an order and the account data without its lines in one transaction, exactly once per token: a second checkout of
   * the same cart returns the order of the first.
   *
   * @param change the account data after the order
   * @param cartToken identifies the cart of this user; two users may have taken over the same anonymous cart
   * @returns undefined, with nothing written, if the account has changed meanwhile or is gone
   * @throws Error, with nothing written, if another account has an order with this token: see {@link isTaken}
   */
  async place(change: AccountChange, cartToken: string, lines: readonly CartLine[]) {
    const { userId } = change
    const token = tokenOf(userId, cartToken)
    const total = lines.reduce((sum, line) => sum + line.total, 0)
    const first = await this.#knex.transaction(async (trx) => {
      // First the account: its version decides, and SQLite takes the write lock at once.
      if (!(await this.#users.saveAccount(change, trx))) return undefined
      const order = { user_id: Number(userId), checkout_token: token, total, created_at: Date.now() }
      // Changes nothing if the row exists. Not `ignore()`, which on MariaDB ignores every other error, too.
      await trx('orders')
        .insert(order)
        .onConflict('checkout_token')
        .merge({ id: trx.ref('orders.id') })
      const written = await trx('orders').where({ checkout_token: token, user_id: order.user_id }).first('id')
      if (written === undefined) throw new Error('Another account has an order with this token')
      const known = await trx('order_lines').where({ order_id: written.id }).first('order_id')
      if (known !== undefined) return false
      await trx('order_lines').insert(
        lines.map(({ productId, name, quantity, unitPrice }) => ({
          order_id: written.id,
          product_id: productId,
          name,
          quantity,
          unit_price: unitPrice,
        })),
      )
      return true
    })
    if (first === undefined) return undefined
    // Undefined if the account was deleted meanwhile.
    const order = await this.#find({ user_id: Number(userId), checkout_token: token })
    return order && { order, first }
  }

  /** Whether another account has an order with the token of this user's cart. */
  async isTaken(userId: string, cartToken: string): Promise<boolean> {
    const order = await this.#knex('orders')
      .where({ checkout_token: tokenOf(userId, cartToken) })
      .first('user_id')
    return order !== undefined && String(order.user_id) !== userId
  }

  /** The user's own order, or undefined. */
  async find(userId: string, id: number): Promise<Order | undefined> {
    return await this.#find({ user_id: Number(userId), id })
  }

  /** A page of the user's orders, the newest first. */
  async page(userId: string, page: number, length: number) {
    const own = () => this.#knex('orders').where({ user_id: Number(userId) })
    const counted = await own().count({ count: '*' }).first()
    const count = Number(counted?.['count'] ?? 0)
    const pages = Math.max(1, Math.ceil(count / length))
    const wanted = Math.min(Math.max(page, 1), pages)
    const items = this.#knex('order_lines').sum('quantity').whereRaw('order_lines.order_id = orders.id').as('items')
    const rows: unknown = await own()
      .select('id', 'total', 'created_at', items)
      .orderBy('id', 'desc')
      .limit(length)
      .offset((wanted - 1) * length)
    const orders = z
      .array(summaryRow)
      .parse(rows)
      .map(({ created_at: createdAt, ...order }): OrderSummary => ({ ...order, createdAt }))
    return { orders, count, page: wanted, pages }
  }

  async #find(where: Record<string, string | number>): Promise<Order | undefined> {
    const found: unknown = await this.#knex('orders').where(where).first()
    if (found === undefined) return undefined
    const order = orderRow.parse(found)
    const rows = await this.#knex('order_lines').where({ order_id: order.id }).orderBy('product_id')
    const lines = z.array(lineRow).parse(rows)
    return {
      id: order.id,
      total: order.total,
      createdAt: order.created_at,
      lines: lines.map((line) => ({
        productId: line.product_id,
        name: line.name,
        quantity: line.quantity,
        unitPrice: line.unit_price,
        total: line.unit_price * line.quantity,
      })),
    }
  }
}

function tokenOf(userId: string, cartToken: string): string {
  return hash('sha256', `${userId} ${cartToken}`, 'base64url')
}
