import type { Answer, TestBrowser } from '../../support/app.ts'

export const CART = '/cart'
export const CART_ITEMS = '/cart/items'

export interface CartJson {
  lines: { productId: number; quantity: number; unitPrice: number; total: number }[]
  total: number
}

export async function cartOf(browser: TestBrowser): Promise<CartJson> {
  return (await browser.json('GET', CART)).json<CartJson>()
}

export async function add(browser: TestBrowser, productId: unknown, quantity: unknown = 1): Promise<Answer> {
  return await browser.json('POST', CART_ITEMS, { productId, quantity })
}

/** What is in the cart: quantity by product. */
export async function quantities(browser: TestBrowser): Promise<Record<number, number>> {
  return Object.fromEntries((await cartOf(browser)).lines.map((line) => [line.productId, line.quantity]))
}

export async function checkOut(browser: TestBrowser): Promise<Answer> {
  return await browser.json('POST', '/cart/checkout')
}
