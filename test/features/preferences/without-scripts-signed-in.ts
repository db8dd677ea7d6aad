import type { WithoutScripts } from '../../support/visitors.ts'
import { signInOn } from '../account/pages.ts'
import { PREFERENCES } from './steps.ts'

/** Preferences of an account are gone after signing out, and come back with the next sign-in. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  await signInOn(page, 'grace')
  await page.goto(PREFERENCES)
  await page.check('[name=theme][value=dark]')
  await page.click('text=Save')
  await page.click('text=Sign out')
  t.not(await page.getAttribute('html', 'data-theme'), 'dark')
  await signInOn(page, 'grace')
  t.is(await page.getAttribute('html', 'data-theme'), 'dark')
}
