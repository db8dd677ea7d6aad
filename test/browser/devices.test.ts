import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import test from 'ava'
import type { Browser } from 'playwright-core'
import { LANGUAGES } from '../../src/web/languages.ts'
import { isSignedIn, signIn } from '../features/account/steps.ts'
import { age, IPHONE, PASSWORD, signedIn } from '../features/devices/steps.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = JSON.stringify({
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
})

let app: TestApp
let chromium: Browser

test.before(async () => {
  ;[app, chromium] = await Promise.all([startApp(), launchBrowser()])
})
test.after.always(async () => {
  await chromium?.close()
  await app?.close()
})

for (const [theme, language, width] of [
  ['light', 'en', 1280],
  ['dark', LANGUAGES.at(-1) ?? 'en', 360],
] as const) {
  test.serial(`${theme}, ${language}, ${width} px: devices are signed out with the keyboard only`, async (t) => {
    const phone = await signedIn(app, IPHONE)
    await signedIn(app, '')
    const here = app.browser()
    await app.services.knex('users').update({ language })
    await signIn(here, 'ada')
    await age(app, here)
    const context = await chromium.newContext({
      baseURL: app.origin,
      viewport: { width, height: 800 },
      reducedMotion: 'reduce',
      bypassCSP: true,
    })
    const [name = '', value = ''] = (await here.cookie()).split(/=(.*)/s)
    await context.addCookies([{ name, value, url: app.origin }])
    const page = await context.newPage()
    const isFine = async () => {
      await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`)
      await page.evaluate(axe)
      const complaints = await page.evaluate(`axe.run(document, ${RULES}).then(({ violations }) => violations)`)
      t.deepEqual(complaints, [], page.url())
      t.false(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth'))
    }
    await page.goto('/account/sessions')
    t.is(await page.getAttribute('html', 'lang'), language)
    await isFine()
    await page.focus('form[action$="/end-others"] button')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[name=password]')
    await isFine()
    await page.fill('[name=password]', 'wrong')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#password-error')
    await isFine()
    t.true(await isSignedIn(phone))
    await page.fill('[name=password]', PASSWORD)
    await page.keyboard.press('Enter')
    await page.waitForSelector('[role=status]')
    await isFine()
    t.false(await isSignedIn(phone))
    t.is(await page.locator('.devices li').count(), 0)
    await context.close()
  })
}
