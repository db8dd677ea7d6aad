import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import test from 'ava'
import type { Browser, Page } from 'playwright-core'
import { startApp, type TestApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  nodes: { html: string }[]
}

let app: TestApp
let chromium: Browser

test.before(async () => {
  ;[app, chromium] = await Promise.all([startApp(), launchBrowser()])
})
test.after.always(async () => {
  await chromium?.close()
  await app?.close()
})

type Step = (page: Page) => Promise<unknown>
const goto =
  (path: string): Step =>
  (page) =>
    page.goto(path)
const register: Step = async (page) => {
  const name = `axe${Math.random().toString(36).slice(2, 10)}`
  await page.goto('/register/1')
  for (const [field, value] of Object.entries({
    username: name,
    fullName: 'A Name',
    email: 'a@example.com',
    password: 'long-enough-1',
    repeat: 'long-enough-1',
  })) {
    await page.fill(`[name=${field}]`, value)
  }
  await page.click('main form button')
}

/** Every page, in every state that looks different, in the order of one visit. */
const PAGES: readonly (readonly [name: string, step: Step])[] = [
  ['home', goto('/')],
  ['shop', goto('/shop')],
  ['shop, last page', goto('/shop?page=4')],
  ['empty cart', goto('/cart')],
  ['filled cart', (page) => page.goto('/shop').then(() => page.click('.product button'))],
  ['cart with an error', (page) => page.fill('[name=quantity]', '0').then(() => page.click('text=Change'))],
  ['preferences', goto('/preferences')],
  [
    'preferences with errors',
    (page) => page.fill('[name=items_per_page]', '1').then(() => page.click('main form button')),
  ],
  ['sign in', goto('/login')],
  [
    'sign in, refused',
    async (page) => {
      await page.fill('[name=username]', 'nobody')
      await page.fill('[name=password]', 'wrong')
      await page.click('main form button')
    },
  ],
  ['registration, step 1', goto('/register/1')],
  [
    'registration, step 1 with errors',
    async (page) => {
      await page.evaluate(`document.querySelector('main form').noValidate = true`)
      await page.click('main form button')
    },
  ],
  ['registration, step 2', register],
  [
    'registration, step 3',
    async (page) => {
      for (const [field, value] of Object.entries({ line1: 'Street 1', postcode: '12345', city: 'Town' }))
        await page.fill(`[name=${field}]`, value)
      await page.click('main form button')
    },
  ],
  ['registration, not agreed', (page) => page.click('main form button')],
  ['account', (page) => page.check('#accept').then(() => page.click('main form button'))],
  ['new password', goto('/account/password')],
  ['order', (page) => page.goto('/cart').then(() => page.click('text=Place the order'))],
  ['nothing there', goto('/nothing-here')],
]

for (const theme of ['light', 'dark'] as const) {
  for (const width of [360, 1280]) {
    test(`every page, ${theme}, ${width} px wide: no violation, no sideways scrolling, no complaint`, async (t) => {
      // A colour on its way to another one has no contrast worth measuring.
      const reducedMotion = 'reduce'
      // The tests' own script would not pass the policy; that nothing violates it is asserted apart.
      const context = await chromium.newContext({
        baseURL: app.origin,
        viewport: { width, height: 800 },
        colorScheme: theme,
        reducedMotion,
        bypassCSP: true,
      })
      const page = await context.newPage()
      await page.goto('/preferences')
      await page.check(`[name=theme][value=${theme}]`)
      await page.click('main form button')
      for (const [name, step] of PAGES) {
        await step(page)
        // A click comes back when the page has changed, which may be before its styles are there.
        await page.waitForLoadState('load')
        await page.evaluate(axe)
        const violations: Violation[] = await page.evaluate('axe.run(document).then((result) => result.violations)')
        t.deepEqual(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
          [],
          name,
        )
        const sideways = await page.evaluate(
          'document.documentElement.scrollWidth > document.documentElement.clientWidth',
        )
        t.false(sideways, `${name} scrolls sideways`)
        t.is(await page.getAttribute('html', 'data-theme'), name === 'nothing there' ? 'system' : theme)
      }
      await context.close()
    })
  }
}

test('no page breaks its own security policy or logs an error', async (t) => {
  const page = await (await chromium.newContext({ baseURL: app.origin })).newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    // A refused form is an answer with an error status, which Chromium writes down; nothing else may be.
    if (message.type() === 'error' && !/status of (422|404)/.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  for (const [, step] of PAGES.filter(([name]) => !name.includes('with errors'))) await step(page)
  t.deepEqual(complaints, [])
})

test('the keyboard alone: skip link, menu, form, and where one is can be seen', async (t) => {
  const page = await (await chromium.newContext({ baseURL: app.origin })).newPage()
  await page.goto('/login')
  const focused = () =>
    page.evaluate(`({
    text: (document.activeElement.textContent || document.activeElement.name || '').trim(),
    outline: getComputedStyle(document.activeElement).outlineStyle,
  })`) as Promise<{ text: string; outline: string }>
  const order: string[] = []
  for (let press = 0; press < 9; press++) {
    await page.keyboard.press('Tab')
    const { text, outline } = await focused()
    order.push(text)
    t.not(outline, 'none', text)
  }
  t.deepEqual(order, [
    'Skip to the content',
    'Holdfast',
    'Shop',
    'Cart',
    'Preferences',
    'Register',
    'Sign in',
    'username',
    'password',
  ])
  await page.keyboard.type('grace-demo-password')
  await page.focus('[name=username]')
  await page.keyboard.type('grace')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/account')
  t.is(await page.textContent('h1'), 'Your account')
})
