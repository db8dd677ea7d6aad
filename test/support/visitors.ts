import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import type { TestApp } from './app.ts'

/** What a browser of one person is used for, where scripts may be off. */
export interface VisitorSite {
  readonly app: TestApp
  /** Opens the browser of another person, or of the same one on another device. */
  readonly visitor: () => Promise<Page>
}

/** The exports of `test/features/<name>/without-scripts*.ts`. */
export interface WithoutScripts {
  /** Uses the feature as a person does, in a browser without scripts. */
  readonly visit: (t: ExecutionContext, page: Page, site: VisitorSite) => Promise<void>
}

/** Fills fields of the page by their names. */
export async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) await page.fill(`[name="${name}"]`, value)
}

export const heading = (page: Page) => page.textContent('h1')
