import type { Answer, TestBrowser } from './app.ts'

export interface CartJson {
  lines: { productId: number; quantity: number; unitPrice: number; total: number }[]
  total: number
}

export async function cartOf(browser: TestBrowser): Promise<CartJson> {
  return (await browser.json('GET', '/cart')).json<CartJson>()
}

export async function add(browser: TestBrowser, productId: unknown, quantity: unknown = 1): Promise<Answer> {
  return await browser.json('POST', '/cart/items', { productId, quantity })
}

/** What is in the cart: quantity by product. */
export async function quantities(browser: TestBrowser): Promise<Record<number, number>> {
  return Object.fromEntries((await cartOf(browser)).lines.map((line) => [line.productId, line.quantity]))
}
