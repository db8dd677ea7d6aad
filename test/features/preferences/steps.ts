import type { Answer, TestBrowser } from '../../support/app.ts'

export const PREFERENCES = '/preferences'

/** Chooses one by its dotted path. */
export async function choose(browser: TestBrowser, key: string, value: unknown): Promise<Answer> {
  return await browser.json('POST', PREFERENCES, { key, value })
}

export async function themeOf(browser: TestBrowser): Promise<string> {
  return (await browser.json('GET', PREFERENCES)).json<{ theme: string }>().theme
}
