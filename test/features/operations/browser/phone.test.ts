import test from 'ava'
import { knownLanguage } from '../../../../src/web/languages.ts'
import { has } from '../../../storage/present.ts'
import { startApp } from '../../../support/app.ts'
import { launchBrowser } from '../../../support/browser.ts'
import notes from '../../../support/notes.ts'
import { signInAs } from '../../../support/pages.ts'
import { serviceUrl } from '../../../support/services.ts'

const LONGEST = knownLanguage('de') ?? 'en'
const redis = serviceUrl('redis')
const SETTINGS = {
  ...(has('cached_db', 'sealed') ? { SESSION_ENGINE: 'cached_db' } : {}),
  ...(redis === undefined ? {} : { CACHE_URL: redis, CACHE_KEY_PREFIX: `phone-${process.pid}` }),
}
const SCREENS = `document.documentElement.scrollHeight / innerHeight`
const SIDEWAYS = `[document.documentElement, ...document.querySelectorAll('nav')]
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.className)`

test('with alerts, in the longest language, the page takes three screens of a phone', async (t) => {
  const [app, chromium] = await Promise.all([startApp(SETTINGS, undefined, [notes]), launchBrowser()])
  t.teardown(async () => {
    await chromium.close()
    await app.close()
  })
  const viewport = { width: 390, height: 844 }
  const page = await (await chromium.newContext({ baseURL: app.origin, locale: LONGEST, viewport })).newPage()
  for (const user of ['grace', 'ada']) await signInAs(page, user)
  for (const path of ['/nothing', '/notes', '/notes/sign-out']) {
    await app.browser().post(path, {}, { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' })
  }
  const { observe } = app.services
  for (const outcome of ['miss', 'write-failed'] as const) {
    for (let n = 0; n < 40; n++) observe({ type: 'cache', outcome })
  }
  for (let n = 0; n < 40; n++) {
    for (const type of ['fallback', 'ended'] as const) observe({ type })
    observe({ type: 'conflict', attempt: 1 })
    for (const operation of ['load', 'save'] as const) {
      observe({ type: 'operation', operation, outcome: 'done', milliseconds: 300 })
    }
  }
  for (const kind of ['unknown-key', 'undecodable', 'malformed-cookie', 'duplicate-cookie', 'revoked'] as const) {
    observe({ type: 'security', kind })
  }
  await page.goto('/operations')
  t.true((await page.locator('.tile-alert').count()) >= 2)
  t.is(await page.getAttribute('html', 'lang'), LONGEST)
  const screens = await page.evaluate<number>(SCREENS)
  t.true(screens <= 3, `${screens} screens`)
  for (const width of [390, 360]) {
    await page.setViewportSize({ ...viewport, width })
    t.deepEqual(await page.evaluate(SIDEWAYS), [], `${width} px wide`)
  }
})
