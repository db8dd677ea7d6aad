import { heading, type WithoutScripts } from '../../support/visitors.ts'
import { signInOn } from '../account/pages.ts'
import { CART } from './steps.ts'

/** Check-out. */
export const visit: WithoutScripts['visit'] = async (t, page, { app }) => {
  await page.goto('/shop')
  await page.click('.product >> nth=0 >> button')
  await signInOn(page, 'ada')
  await page.goto(CART)
  await page.click('text=Place order')
  t.regex((await heading(page)) ?? '', /^Order \d+$/)
  await page.goto(CART)
  t.is(await page.textContent('.empty h2'), 'Your cart is empty')
  const orders = await app.services.knex('orders').count({ count: '*' }).first()
  t.is(Number(orders?.['count']), 1)
}
