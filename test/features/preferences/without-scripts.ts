import type { Page } from 'playwright-core'
import { LANGUAGES } from '../../../src/web/languages.ts'
import { translations } from '../../support/translations.ts'
import { fill, heading, type WithoutScripts } from '../../support/visitors.ts'
import { PREFERENCES } from './steps.ts'

/** From 0, black, to 765, white. */
const brightness = (page: Page) =>
  page.evaluate<number>(
    `getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)`,
  )

/** Preferences that act at once, on every page. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  const language = LANGUAGES.at(-1) ?? 'en'
  await page.goto(PREFERENCES)
  t.true((await brightness(page)) > 650)
  await page.check('[name=theme][value=dark]')
  if (LANGUAGES.length > 1) await page.check(`[name=language][value=${language}]`)
  await page.selectOption('[name=timezone]', 'Asia/Tokyo')
  await fill(page, { items_per_page: '5' })
  await page.click('text=Save')
  t.is(await heading(page), translations(language)('Preferences'))
  await page.goto('/')
  t.is(await page.getAttribute('html', 'lang'), language)
  t.is(await page.getAttribute('html', 'data-theme'), 'dark')
  t.true((await brightness(page)) < 115)
}
