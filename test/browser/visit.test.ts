import { readdirSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Browser, Page } from 'playwright-core'
import { projectRoot } from '../../src/paths.ts'
import { startApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'
import notes from '../support/notes.ts'
import { signInAs } from '../support/pages.ts'
import type { WithoutScripts } from '../support/visitors.ts'

let chromium: Browser

test.before(async () => {
  chromium = await launchBrowser()
})
test.after.always(() => chromium?.close())

/** The application, and browsers of persons with cookies of their own. */
async function site(t: ExecutionContext, options: { javaScriptEnabled?: boolean } = {}) {
  const app = await startApp({}, undefined, [notes])
  t.teardown(() => app.close())
  const visitor = async (): Promise<Page> => {
    const context = await chromium.newContext({ baseURL: app.origin, timezoneId: 'UTC', ...options })
    t.teardown(() => context.close())
    return await context.newPage()
  }
  return { app, visitor }
}

const folder = join(projectRoot, 'test', 'features')
for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!/^without-scripts.*\.ts$/.test(basename(path))) continue
  test(`${path.split(sep).join('/')}: everything works without JavaScript`, async (t) => {
    const { visit }: WithoutScripts = await import(pathToFileURL(join(folder, path)).href)
    const { app, visitor } = await site(t, { javaScriptEnabled: false })
    await visit(t, await visitor(), { app, visitor })
  })
}

test('a form of another site is refused, signed in or not', async (t) => {
  const { app, visitor } = await site(t)
  const page = await visitor()
  // 127.0.0.1 and localhost are different sites to a browser.
  const elsewhere = `${app.origin.replace('localhost', '127.0.0.1')}/evil`
  const body = `<form method="post" action="${app.origin}/notes/sign-out"><button>win a prize</button></form>`
  await page.route('**/evil', (route) => route.fulfill({ contentType: 'text/html', body }))
  const attack = async () => {
    await page.goto(elsewhere)
    await page.click('text=win a prize')
    t.is((await page.textContent('.error-status'))?.trim(), '403')
  }
  await attack()
  await signInAs(page, 'grace')
  await attack()
  t.is((await page.goto('/notes/user'))?.status(), 200, 'and stays signed in')
})
