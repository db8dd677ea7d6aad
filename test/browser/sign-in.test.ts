import test from 'ava'
import { LOGIN } from '../features/account/steps.ts'
import { startApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'
import { heading } from '../support/visitors.ts'

test('signing in with the keyboard only', async (t) => {
  const [app, chromium] = await Promise.all([startApp(), launchBrowser()])
  t.teardown(() => app.close())
  t.teardown(() => chromium.close())
  const page = await chromium.newPage({ baseURL: app.origin })
  await page.goto(LOGIN)
  await page.focus('[name=password]')
  await page.keyboard.type('grace-demo-password')
  await page.focus('[name=username]')
  await page.keyboard.type('grace')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/account')
  t.is(await heading(page), 'Your account')
})
