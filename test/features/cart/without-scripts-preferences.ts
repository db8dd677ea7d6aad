import type { WithoutScripts } from '../../support/visitors.ts'
import { PREFERENCES } from '../preferences/steps.ts'

/** The page length that somebody prefers. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  await page.goto(PREFERENCES)
  await page.fill('[name=items_per_page]', '5')
  await page.click('text=Save')
  await page.goto('/shop')
  t.is(await page.locator('.product').count(), 5)
}
