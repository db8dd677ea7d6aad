import test from 'ava'
import { hasStatistics } from '../../../../src/session/stores/store.ts'
import { startApp } from '../../../support/app.ts'
import { launchBrowser } from '../../../support/browser.ts'

test('the buttons count what is left: all of it here, less through koa-session', async (t) => {
  const [app, chromium] = await Promise.all([startApp({ NODE_ENV: 'development' }), launchBrowser()])
  t.teardown(async () => {
    await chromium.close()
    await app.close()
  })
  const page = await (await chromium.newContext({ baseURL: app.origin })).newPage()
  await page.goto('/guarantees')
  /** Presses a button and gives the figures of both sides, by row. */
  const press = async (name: string) => {
    await page.getByRole('button', { name }).click()
    await page.locator('[aria-disabled]').first().waitFor({ state: 'detached' })
    const section = page.locator('section', { has: page.getByRole('button', { name }) })
    const figures: Record<string, string> = { said: await section.getByRole('status').innerText() }
    for (const cell of await section.locator('[data-cell]').all()) {
      figures[(await cell.getAttribute('data-cell')) ?? ''] = await cell.innerText()
    }
    return figures
  }

  for (const button of ['Send 100 at once', 'Send 20 at a time']) {
    const additions = await press(button)
    const ours = { 'engine sent': '100', 'engine acknowledged': '100', 'engine refused': '0', 'engine kept': '100' }
    t.like(additions, { ...ours, 'koa-session sent': '100', 'koa-session acknowledged': '100' })
    t.true(Number(additions['koa-session kept']) < 100)
    t.regex(
      additions['said'] ?? '',
      /Holdfast: All that was acknowledged is still there\.\s+koa-session: Acknowledged, and lost/,
    )
    t.is(await page.locator('[data-squares="engine"] .kept').count(), 100)
  }
  const signOut = await press('Save slowly and sign out')
  t.is(signOut['engine kept'], signOut['engine acknowledged'])
  t.regex(signOut['said'] ?? '', /^Holdfast: All that was acknowledged is still there\./)
  const signIn = await press('Sign in twice')
  t.like(signIn, { 'engine sent': '6', 'engine acknowledged': '6', 'engine kept': '6', 'engine sessions': '1' })
  const { store } = app.services
  if (store !== undefined && hasStatistics(store)) {
    t.is((await store.statistics()).live, 0, "the demonstration's sessions do not stay among those of the site")
  }
})
