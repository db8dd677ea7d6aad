import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { loadFeatures } from '../../src/features/index.ts'
import { projectRoot } from '../../src/paths.ts'

/** A page as a browser comes to it, after the one before it in its list. */
export interface PageStep {
  readonly name: string
  readonly open: (page: Page) => Promise<unknown>
  /** It does not know what its visitor has chosen. */
  readonly impersonal?: true
  /** It has scripts. */
  readonly scripts?: true
}

/** What a visitor may choose of how pages look. */
export interface Look {
  readonly theme: 'light' | 'dark' | 'system'
  readonly language: string
}

/** The exports of `test/features/<name>/pages*.ts`. */
export interface FeaturePages {
  readonly pages: readonly PageStep[]
  /** Chooses how all pages are to look; absent where the feature has no part in that. */
  readonly choose?: (page: Page, look: Look) => Promise<unknown>
}

/** Signs somebody in by the feature of notes, which the application must have. */
export async function signInAs(page: Page, username: string): Promise<void> {
  await page.request.post('/notes/sign-in', { data: { username } })
}

export const goto = (path: string) => (page: Page) => page.goto(path)

/** Fills the form of this page, and sends it. */
export async function send(page: Page, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const [name, value] of Object.entries(fields)) await page.fill(`main [name="${name}"]`, value)
  await page.click('main form button')
}

/** Sends the form of this page as it is, even where the browser itself would complain. */
export async function sendUnchecked(page: Page): Promise<void> {
  await page.evaluate(`document.querySelector('main form').noValidate = true`)
  await send(page)
}

/** What the features offer, by the name of its file. */
export async function featurePages(): Promise<Map<string, FeaturePages>> {
  const found = new Map<string, FeaturePages>()
  for (const { name } of await loadFeatures()) {
    const folder = join(projectRoot, 'test/features', name)
    const files = existsSync(folder) ? readdirSync(folder) : []
    for (const file of files.filter((file) => /^pages.*\.ts$/.test(file))) {
      found.set(`${name}/${file}`, await import(pathToFileURL(join(folder, file)).href))
    }
  }
  return found
}
