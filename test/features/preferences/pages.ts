import type { Page } from 'playwright-core'
import { goto, type Look, type PageStep, send } from '../../support/pages.ts'
import { PREFERENCES } from './steps.ts'

export const pages: readonly PageStep[] = [
  { name: 'preferences', open: goto(PREFERENCES) },
  { name: 'preferences, refused', open: (page) => send(page, { items_per_page: '1' }) },
]

export async function choose(page: Page, { theme, language }: Look): Promise<void> {
  await page.goto(PREFERENCES)
  await page.check(`[name=theme][value=${theme}]`)
  await page.check(`[name=language][value=${language}]`)
  await send(page)
}
