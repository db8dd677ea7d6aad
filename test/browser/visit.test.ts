import test from 'ava'
import type { Browser, Page } from 'playwright-core'
import { LOGIN } from '../features/account/steps.ts'
import { CART } from '../features/cart/steps.ts'
import { PREFERENCES } from '../features/preferences/steps.ts'
import { REGISTER } from '../features/registration/steps.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'

let app: TestApp
let chromium: Browser

test.before(async () => {
  ;[app, chromium] = await Promise.all([startApp(), launchBrowser()])
})
test.after.always(async () => {
  await chromium?.close()
  await app?.close()
})

/** A browser of one person: its own cookies, and without scripts where the test says so. */
async function visitor(options: { javaScriptEnabled?: boolean } = {}): Promise<Page> {
  const context = await chromium.newContext({ baseURL: app.origin, timezoneId: 'UTC', ...options })
  return await context.newPage()
}

const fill = async (page: Page, fields: Record<string, string>) => {
  for (const [name, value] of Object.entries(fields)) await page.fill(`[name="${name}"]`, value)
}
const heading = (page: Page) => page.textContent('h1')
/** From 0, black, to 765, white. */
const brightness = (page: Page) =>
  page.evaluate<number>(
    `getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)`,
  )

test('all features work without JavaScript', async (t) => {
  const page = await visitor({ javaScriptEnabled: false })

  // Three steps, with a detour and a reload.
  await page.goto(REGISTER)
  await fill(page, {
    username: 'reader',
    fullName: 'Scenario Teller',
    email: 'reader@example.com',
  })
  await page.click('text=Next')
  t.true(page.url().endsWith('/register/2'))
  await page.goto('/shop')
  await page.goto(REGISTER)
  t.true(page.url().endsWith('/register/2'), 'it goes on where it was left')
  await page.reload()
  await fill(page, { line1: 'Fable Lane 1', postcode: '12345', city: 'Storytown' })
  await page.click('main >> text=Next')
  t.regex((await page.textContent('main')) ?? '', /Scenario Teller[\s\S]*Fable Lane 1/)
  const passwords = { password: 'once-upon-a-time', repeat: 'once-upon-a-time' }
  await fill(page, passwords)
  await page.click('text=Create account')
  t.regex((await page.textContent('[role=alert]')) ?? '', /agree/)
  await page.check('#accept')
  await fill(page, passwords)
  await page.click('text=Create account')
  t.is(await heading(page), 'Your account')
  t.regex((await page.textContent('[role=status]')) ?? '', /Welcome/)
  await page.reload()
  t.is(await page.$('[role=status]'), null, 'a message is shown once')

  // Preferences that act.
  await page.goto(PREFERENCES)
  t.true((await brightness(page)) > 650)
  await page.check('[name=theme][value=dark]')
  await page.check('[name=language][value=de]')
  await page.selectOption('[name=timezone]', 'Asia/Tokyo')
  await fill(page, { items_per_page: '5' })
  await page.click('text=Save')
  t.is(await heading(page), 'Einstellungen')
  t.is(await page.getAttribute('html', 'lang'), 'de')
  t.is(await page.getAttribute('html', 'data-theme'), 'dark')
  t.true((await brightness(page)) < 115)
  await page.goto('/shop')
  t.is(await page.locator('.product').count(), 5)

  // Shop and cart.
  await page.click('.product >> nth=0 >> button')
  await page.goto('/shop?page=2')
  await page.click('.product >> nth=1 >> button')
  t.is(await heading(page), 'Ihr Warenkorb')
  await page.fill('[name=quantity] >> nth=0', '3')
  await page.click('text=Ändern >> nth=0')
  t.is(await page.locator('tbody tr').count(), 2)
  t.is((await page.textContent('.badge'))?.trim(), '4')

  // A second browser of the same person.
  const second = await visitor()
  await second.goto('/login?next=/shop')
  await fill(second, { username: 'READER', password: 'once-upon-a-time' })
  await second.click('main >> text=Sign in >> nth=1')
  t.true(second.url().endsWith('/shop'))

  // Check-out, and the order's time in the chosen zone.
  await page.click('text=Bestellen')
  t.regex((await heading(page)) ?? '', /^Bestellung \d+$/)
  const tokyo = new Intl.DateTimeFormat('de', { dateStyle: 'medium', timeZone: 'Asia/Tokyo' }).format(Date.now())
  t.true((await page.textContent('.lede'))?.includes(tokyo))
  await page.goto(CART)
  t.is(await page.textContent('.empty h2'), 'Ihr Warenkorb ist leer')
  const orders = await app.services.knex('orders').count({ count: '*' }).first()
  t.is(Number(orders?.['count']), 1)

  // What the account keeps is there, too; a new password ends the other browser.
  await second.goto('/account')
  t.is(await heading(second), 'Ihr Konto')
  await page.goto('/account/password')
  await fill(page, { current: 'once-upon-a-time', password: 'happily-ever-after', repeat: 'happily-ever-after' })
  await page.click('main button')
  t.true(page.url().endsWith('/account'))
  await second.goto('/account')
  t.true(second.url().includes('/login?next='))

  // Signing out ends it here, and the preferences come back with the next sign-in.
  await page.click('text=Abmelden')
  t.regex((await page.textContent('[role=status]')) ?? '', /signed out/)
  await fill(page, { username: 'reader', password: 'happily-ever-after' })
  await page.click('main >> text=Sign in >> nth=1')
  t.is(await page.getAttribute('html', 'data-theme'), 'dark')
})

test('signing in with the keyboard only', async (t) => {
  const page = await visitor()
  await page.goto(LOGIN)
  await page.focus('[name=password]')
  await page.keyboard.type('grace-demo-password')
  await page.focus('[name=username]')
  await page.keyboard.type('grace')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/account')
  t.is(await heading(page), 'Your account')
})

test('a form of another site is refused, signed in or not', async (t) => {
  const page = await visitor()
  await page.goto(LOGIN)
  await fill(page, { username: 'grace', password: 'grace-demo-password' })
  await page.click('main >> text=Sign in >> nth=1')
  t.is(await heading(page), 'Your account')
  // 127.0.0.1 and localhost are different sites to a browser.
  const evil = await startApp()
  t.teardown(() => evil.close())
  await page.route('**/evil', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<form method="post" action="${app.origin}/logout"><button>win a prize</button></form>`,
    }),
  )
  await page.goto(`${evil.origin.replace('localhost', '127.0.0.1')}/evil`)
  await page.click('text=win a prize')
  t.is((await page.textContent('.error-status'))?.trim(), '403')
  await page.goto('/account')
  t.is(await heading(page), 'Your account')
})
