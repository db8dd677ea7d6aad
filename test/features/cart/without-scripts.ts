import { heading, type WithoutScripts } from '../../support/visitors.ts'

/** Shop and cart. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  await page.goto('/shop')
  await page.click('.product >> nth=0 >> button')
  await page.goto('/shop?page=2')
  await page.click('.product >> nth=1 >> button')
  t.deepEqual([new URL(page.url()).search, await heading(page)], ['?page=2', 'Shop'], 'stays where it is')
  t.regex((await page.textContent('.flash-done')) ?? '', / is in your cart\./)
  t.is((await page.textContent('.product >> nth=1 >> .in-cart'))?.trim().split(',')[0], 'In your cart: 1')
  await page.click('.product >> nth=1 >> .in-cart a')
  t.is(await heading(page), 'Your cart')
  await page.fill('[name=quantity] >> nth=0', '3')
  await page.click('text=Change >> nth=0')
  t.is(await page.locator('tbody tr').count(), 2)
  t.is((await page.textContent('.badge'))?.trim(), '4')
}
