import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { defineSlice } from '../../session/index.ts'
import { InvalidInputError } from '../../web/input.ts'

export const MAX_QUANTITY = 99
export const MAX_LINES = 100

const cartSchema = z.object({
  // Made with the first line, used up by the order: two check-outs of one cart are one order.
  token: z.string().max(64).nullable(),
  quantities: z.record(z.string().regex(/^\d{1,9}$/), z.int().min(1).max(MAX_QUANTITY)),
})

export type Cart = z.infer<typeof cartSchema>

/** What is in the cart: never a price, which is always the database's. */
export const cartSlice = defineSlice<Cart>({
  name: 'cart',
  schema: cartSchema,
  default: () => ({ token: null, quantities: {} }),
  budget: 4096,
  merge: mergeCarts,
  account: true,
  logout: 'drop',
})

/**
 * More than the cart takes. A 422 by itself, because it may come up when a change is replayed on a cart that another
 * request has filled meanwhile.
 */
export class CartFullError extends InvalidInputError {
  constructor(message: string) {
    super({ quantity: message })
  }
}

/** @throws CartFullError; nothing is changed then */
export function addToCart(cart: Cart, productId: number, quantity: number, token: string): Cart {
  const together = (cart.quantities[productId] ?? 0) + quantity
  return setInCart(cart, productId, together, token)
}

/** @throws CartFullError; nothing is changed then */
export function setInCart(cart: Cart, productId: number, quantity: number, token: string): Cart {
  if (quantity > MAX_QUANTITY) throw new CartFullError('You can order at most 99 of one product.')
  const quantities = { ...cart.quantities, [productId]: quantity }
  if (Object.keys(quantities).length > MAX_LINES)
    throw new CartFullError('Your cart can hold at most 100 different products.')
  return { token: cart.token ?? token, quantities }
}

/** The cart without these products. */
export function removeFromCart(cart: Cart, productIds: readonly number[]): Cart {
  const quantities = { ...cart.quantities }
  for (const id of productIds) delete quantities[id]
  return { ...cart, quantities }
}

/**
 * The cart without what was ordered. What another tab adds meanwhile stays, under a token of its own; a cart of another
 * token has been ordered already.
 */
export function afterOrder(
  cart: Cart,
  ordered: { token: string; next: string; lines: readonly { productId: number; quantity: number }[] },
): Cart {
  if (cart.token !== ordered.token) return cart
  const bought = new Map(ordered.lines.map(({ productId, quantity }) => [String(productId), quantity]))
  const left = Object.entries(cart.quantities)
    .map(([id, quantity]): [string, number] => [id, quantity - (bought.get(id) ?? 0)])
    .filter(([, quantity]) => quantity > 0)
  return { token: ordered.next, quantities: Object.fromEntries(left) }
}

/** What makes a cart one order, however often it is sent. */
export function newCheckoutToken(): string {
  return randomBytes(24).toString('base64url')
}

/**
 * Product by product: a side that changed counts. At sign-in, where the base is empty, the larger of both quantities is
 * taken, so that nothing is doubled. The token is theirs, which at sign-in is the account's: a check-out that is under way
 * on another device must find its cart again.
 */
function mergeCarts(mine: Cart, theirs: Cart, base: Cart): Cart {
  const ids = new Set([...Object.keys(theirs.quantities), ...Object.keys(mine.quantities)])
  const entries = [...ids].slice(0, MAX_LINES).map((id): [string, number] => {
    const [my, their, old] = [mine, theirs, base].map((cart) => cart.quantities[id] ?? 0) as [number, number, number]
    if (my === old) return [id, their]
    return [id, their === old ? my : Math.max(my, their)]
  })
  return {
    token: theirs.token ?? mine.token ?? newCheckoutToken(),
    quantities: Object.fromEntries(entries.filter(([, quantity]) => quantity > 0)),
  }
}
