import { heading, type WithoutScripts } from '../../support/visitors.ts'

/** The page says what it would show, as an example. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  await page.goto('/guarantees')
  t.is(await heading(page), 'See the guarantees')
  t.is(await page.locator('noscript h2').innerText(), 'What the buttons would show')
  t.regex(await page.locator('noscript').innerText(), /figures of an example[\s\S]*Kept\s+100/)
  t.is(await page.locator('button:visible').count(), 0)
}
