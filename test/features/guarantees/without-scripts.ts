import { heading, type WithoutScripts } from '../../support/visitors.ts'

/** The page says what it would show, as an example. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  await page.goto('/guarantees')
  t.is(await heading(page), 'See the guarantees')
  t.true(await page.getByText('What the buttons would show').isVisible())
  t.true(await page.getByText('figures of an example').isVisible())
  t.is(await page.locator('button:visible').count(), 0)
}
