import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { requireUser } from '../../web/current-user.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { queryParam, readInput, refuseInput, requireInput, typedInput, wantsJson } from '../../web/input.ts'
import { seeOther } from '../../web/redirect.ts'
import { refuseAccess } from '../../web/security-log.ts'
import {
  addToCart,
  afterOrder,
  type Cart,
  CartFullError,
  cartSlice,
  newCheckoutToken,
  removeFromCart,
  setInCart,
} from './cart.ts'
import { Catalog } from './catalog.ts'
import { Orders } from './orders.ts'

const INVALID_QUANTITY = 'Enter a whole number from 1 to 99.'
// Only digits: Number() would also accept " 1", "0x10" and "1e1".
const whole = (message: string) =>
  z.union(
    [
      z.int(),
      z
        .string()
        .regex(/^[1-9]\d{0,8}$/)
        .transform(Number),
    ],
    message,
  )
const productId = whole('This product does not exist.')
const quantity = whole(INVALID_QUANTITY).pipe(
  z.int(INVALID_QUANTITY).min(1, INVALID_QUANTITY).max(99, INVALID_QUANTITY),
)
const pageNumber = z
  .string()
  .regex(/^\d{1,6}$/)
  .transform(Number)
  .optional()
  .catch(undefined)
const addition = z.object({ productId, quantity: quantity.default(1), page: pageNumber })
const change = z.object({ quantity })
const confirmation = z.object({ total: whole('Please check your cart.').optional() })

// On the account page.
const LATEST_ORDERS = 3
const PLACED_WITH_MAIL = 'Thank you! Your order is placed. A confirmation is on its way to your e-mail address.'
const ADDED = '{name} is in your cart.'

type Errors = Readonly<Record<string, string>>

/** The cart as it is shown again: what is wrong with it, or with some lines, and what was typed there. */
interface CartPage {
  readonly problem?: string
  readonly errors?: Errors
  readonly typed?: Errors
}

export default defineFeature({ name: 'cart', open: cart })

/** A shop: products, a cart in the session or the account, and checkout to an order, exactly once. */
function cart(services: Services): OpenFeature {
  const catalog = new Catalog(services.knex)
  const orders = new Orders(services.knex, services.users)
  const router = new Router()

  const respond = async (ctx: Context, message?: string) => {
    if (wantsJson(ctx)) {
      const { lines, total } = await catalog.priced((await ctx.session()).get(cartSlice))
      ctx.body = { lines: lines.map(({ name: _name, ...line }) => line), total }
      return
    }
    await seeOther(ctx, '/cart', message)
  }

  /** Returns what is wrong with the change, by field; undefined if nothing is. */
  const changeCart = async (ctx: Context, by: (cart: Cart) => Cart): Promise<Errors | undefined> => {
    const session = await ctx.session()
    try {
      session.update(cartSlice, by)
      return undefined
    } catch (error) {
      if (error instanceof CartFullError) return error.fields
      throw error
    }
  }

  const showCart = async (ctx: Context, { problem = '', errors = {}, typed = {} }: CartPage = {}) => {
    const { lines, total, unavailable } = await catalog.priced((await ctx.session()).get(cartSlice))
    await ctx.render('cart/cart.njk', { lines, total, unavailable, problem, errors, typed })
  }

  /** Shows the cart again with what is wrong, which is not one line of it. */
  const refuse = async (ctx: Context, errors: Errors) => {
    refuseInput(ctx, errors)
    await showCart(ctx, { problem: firstOf(errors) })
  }

  const showShop = async (ctx: Context, page: number, errors: Errors = {}) => {
    const { pageLength } = await ctx.display()
    const products = await catalog.page(page, pageLength)
    const { quantities } = (await ctx.session()).get(cartSlice)
    if (wantsJson(ctx)) ctx.body = products
    else await ctx.render('cart/shop.njk', { ...products, quantities, errors })
  }

  router.get('/shop', async (ctx) => {
    await showShop(ctx, pageNumber.parse(queryParam(ctx, 'page')) ?? 1)
  })

  router.get('/cart', async (ctx) => {
    if (wantsJson(ctx)) await respond(ctx)
    else await showCart(ctx)
  })

  router.post('/cart/items', async (ctx) => {
    const input = readInput(ctx, addition)
    if (!input.ok) return await refuse(ctx, input.errors)
    const { productId: id, quantity: count, page } = input.values
    const name = await catalog.nameOf(id)
    if (name === undefined) return await refuse(ctx, { productId: 'This product does not exist.' })
    const token = newCheckoutToken()
    const errors = await changeCart(ctx, (current) => addToCart(current, id, count, token))
    if (wantsJson(ctx) || page === undefined) {
      return errors === undefined ? await respond(ctx, 'Added to your cart.') : await refuse(ctx, errors)
    }
    // The form was on this page of the shop, and the visitor stays there.
    if (errors === undefined) return await seeOther(ctx, `/shop?page=${page}#product-${id}`, ADDED, { name })
    refuseInput(ctx, errors)
    await showShop(ctx, page, { [`product-${id}`]: firstOf(errors) })
  })

  router.post('/cart/items/:productId', async (ctx) => {
    const id = productIdOf(ctx)
    const input = readInput(ctx, change)
    if (input.ok && (await catalog.nameOf(id)) === undefined) ctx.throw(404)
    const token = newCheckoutToken()
    const errors = input.ok
      ? await changeCart(ctx, (current) => setInCart(current, id, input.values.quantity, token))
      : input.errors
    if (errors === undefined) return await respond(ctx, 'Your cart has been updated.')
    refuseInput(ctx, errors)
    const { quantities } = (await ctx.session()).get(cartSlice)
    // Another tab may have removed the line.
    if (quantities[id] === undefined) return await showCart(ctx, { problem: firstOf(errors) })
    const typed = typedInput(ctx)['quantity'] ?? ''
    await showCart(ctx, { errors: { [`quantity-${id}`]: firstOf(errors) }, typed: { [`quantity-${id}`]: typed } })
  })

  router.post('/cart/items/:productId/remove', async (ctx) => {
    const id = productIdOf(ctx)
    await changeCart(ctx, (current) => removeFromCart(current, [id]))
    await respond(ctx, 'Removed from your cart.')
  })

  router.post('/cart/clear', async (ctx) => {
    ;(await ctx.session()).delete(cartSlice)
    await respond(ctx, 'Your cart is empty.')
  })

  router.post('/cart/checkout', async (ctx) => {
    const user = await requireUser(ctx, services, '/cart')
    if (user === null) return
    const session = await ctx.session()
    const { token, quantities } = session.get(cartSlice)
    const { lines, total } = await catalog.priced({ token, quantities })
    if (token === null || lines.length === 0) return await refuse(ctx, { cart: 'Your cart is empty.' })
    const shown = requireInput(ctx, confirmation).total
    if (shown !== undefined && shown !== total) {
      return await refuse(ctx, { total: 'Prices have changed. Please check your cart.' })
    }
    // Before the cart is changed: changes are saved with a 4xx, too.
    if (await orders.isTaken(user.id, token)) {
      ctx.throw(409, 'This cart cannot be ordered. Please empty it and fill it again.')
    }
    // Read before there is an order: an error after it would hide that it was placed.
    const { notifications } = await ctx.display()
    const next = newCheckoutToken()
    session.update(cartSlice, (current) => afterOrder(current, { token, lines, next }))
    const { order, first } = await session.saveAccount((change) => orders.place(change, token, lines))
    if (first) notify(order.id, notifications)
    if (wantsJson(ctx)) ctx.body = { id: order.id, total: order.total, lines: order.lines }
    else {
      const message = notifications.email ? PLACED_WITH_MAIL : 'Thank you! Your order is placed.'
      await seeOther(ctx, `/orders/${order.id}`, message)
    }
  })

  router.get('/orders', async (ctx) => {
    const user = await requireUser(ctx, services)
    if (user === null) return
    const { pageLength } = await ctx.display()
    const found = await orders.page(user.id, pageNumber.parse(queryParam(ctx, 'page')) ?? 1, pageLength)
    if (wantsJson(ctx)) ctx.body = found
    else await ctx.render('cart/orders.njk', found)
  })

  router.get('/orders/:id', async (ctx) => {
    const user = await requireUser(ctx, services)
    if (user === null) return
    const id = String(ctx.params['id'])
    const order = /^\d{1,9}$/.test(id) ? await orders.find(user.id, Number(id)) : undefined
    if (order === undefined) return refuseAccess(ctx, user.id, 404)
    if (wantsJson(ctx)) ctx.body = order
    else await ctx.render('cart/order.njk', { order })
  })

  // A real shop would send e-mail, push and text messages here. No address is logged.
  const notify = (orderId: number, notifications: Readonly<Record<string, boolean>>) => {
    for (const [channel, wanted] of Object.entries(notifications)) {
      if (wanted) services.log.info({ channel, orderId }, 'notification queued')
    }
  }

  return {
    routes: router.routes(),
    accountPage: async (_ctx, user) => ({
      view: 'cart/account-part.njk',
      ...(await orders.page(user.id, 1, LATEST_ORDERS)),
    }),
    page: (_ctx, session) => {
      const badge = Object.values(session.get(cartSlice).quantities).reduce((sum, count) => sum + count, 0)
      return {
        nav: [
          { href: '/shop', label: 'Shop', place: 'main' },
          { href: '/cart', label: 'Cart', place: 'main', badge },
        ],
      }
    },
  }
}

function firstOf(errors: Errors): string {
  return Object.values(errors)[0] ?? ''
}

function productIdOf(ctx: Context & { params: Record<string, string> }): number {
  const parsed = productId.safeParse(ctx.params['productId'])
  return parsed.success ? parsed.data : ctx.throw(404)
}
