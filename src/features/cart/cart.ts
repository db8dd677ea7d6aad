import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { defineSlice } from '../../session/index.ts'
import { InvalidInputError } from '../../web/input.ts'

export const MAX_QUANTITY = 99
export const MAX_LINES = 100

const cartSchema = z.object({
  // Created with the first item and replaced by the order: two checkouts of one cart are one order.
  token: z.string().max(64).nullable(),
  quantities: z.record(z.string().regex(/^\d{1,9}$/), z.int().min(1).max(MAX_QUANTITY)),
})

export type Cart = z.infer<typeof cartSchema>

/** The cart holds no prices; those are always read from the database. */
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
 * The cart is full. An error with status 422, because it may also be thrown when a change is applied again to a cart that
 * another request has filled.
 */
export class CartFullError extends InvalidInputError {
  constructor(message: string) {
    super({ quantity: message })
  }
}

/** @throws CartFullError; the cart is not changed then */
export function addToCart(cart: Cart, productId: number, quantity: number, token: string): Cart {
  const sum = (cart.quantities[productId] ?? 0) + quantity
  return setInCart(cart, productId, sum, token)
}

/** @throws CartFullError; the cart is not changed then */
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
 * The cart without what was ordered. Items that another tab has added meanwhile stay, with a new token; a cart with another
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

/** Identifies a checkout, so that it is one order however often it is sent. */
export function newCheckoutToken(): string {
  return randomBytes(24).toString('base64url')
}

/**
 * Merges product by product: the side that changed wins. At sign-in the base is empty, and the larger quantity wins, so that
 * nothing is doubled. The token is theirs, at sign-in that of the account, so that a checkout in progress on another device
 * still finds its cart.
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
