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

/** What the page of another site gets when it posts here. */
const fromElsewhere: Step = async (page) => {
  // 127.0.0.1 and localhost are different sites to a browser.
  const elsewhere = `${app.origin.replace('localhost', '127.0.0.1')}/elsewhere`
  const body = `<form method="post" action="${app.origin}/cart/clear"><button>win a prize</button></form>`
  await page.route(elsewhere, (route) => route.fulfill({ contentType: 'text/html', body }))
  await page.goto(elsewhere)
  await page.click('button')
}

/** Every page, in every state that looks different, in the order of one visit. */
const PAGES: readonly (readonly [name: string, step: Step])[] = [
  ['home', goto('/')],
  ['shop', goto('/shop')],
  ['shop, last page', goto('/shop?page=4')],
  ['empty cart', goto('/cart')],
  ['filled cart', (page) => page.goto('/shop').then(() => page.click('.product button'))],
  ['cart with an error', (page) => page.fill('[name=quantity]', '0').then(() => page.click('.quantity button'))],
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
  ['order', (page) => page.goto('/cart').then(() => page.click('form[action="/cart/checkout"] button'))],
  ['nothing there', goto('/nothing-here')],
  ['refused', fromElsewhere],
]

// Error pages are the same for everybody, because the session may be what failed.
const IMPERSONAL = ['nothing there', 'refused']
const RULES = JSON.stringify({
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
})
const DEAD_ENDS = `[...document.querySelectorAll('a[href^="#"]')]
  .filter((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))) === null)
  .map((link) => link.href)`

for (const { theme, system, language, width } of [
  { theme: 'light', system: 'light', language: 'en', width: 360 },
  { theme: 'light', system: 'dark', language: 'en', width: 1280 },
  { theme: 'dark', system: 'dark', language: 'en', width: 360 },
  { theme: 'dark', system: 'light', language: 'en', width: 1280 },
  // The longest words on the smallest screen.
  { theme: 'system', system: 'dark', language: 'de', width: 360 },
] as const) {
  test.serial(
    `every page, ${theme} on a ${system} system, in ${language}, ${width} px wide: nothing to complain of`,
    async (t) => {
      const context = await chromium.newContext({
        baseURL: app.origin,
        viewport: { width, height: 800 },
        colorScheme: system,
        // A colour on its way to another one has no contrast worth measuring.
        reducedMotion: 'reduce',
        // The tests' own script would not pass the policy; that nothing violates it is asserted apart.
        bypassCSP: true,
      })
      const page = await context.newPage()
      await page.goto('/preferences')
      await page.check(`[name=theme][value=${theme}]`)
      await page.check(`[name=language][value=${language}]`)
      await page.click('main form button')
      for (const [name, step] of PAGES) {
        await step(page)
        // A click comes back when the page has changed, which may be before its styles are there.
        await page.waitForLoadState('load')
        await page.evaluate(axe)
        const violations: Violation[] = await page.evaluate(
          `axe.run(document, ${RULES}).then((result) => result.violations)`,
        )
        t.deepEqual(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
          [],
          name,
        )
        const sideways = await page.evaluate(
          'document.documentElement.scrollWidth > document.documentElement.clientWidth',
        )
        t.false(sideways, `${name} scrolls sideways`)
        t.deepEqual(await page.evaluate(DEAD_ENDS), [], `${name} has links to nowhere`)
        t.is(await page.getAttribute('html', 'data-theme'), IMPERSONAL.includes(name) ? 'system' : theme, name)
      }
      await context.close()
    },
  )
}

test('no page breaks its own security policy or logs an error', async (t) => {
  const page = await (await chromium.newContext({ baseURL: app.origin })).newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    // A refused form is an answer with an error status, which Chromium writes down; nothing else may be.
    if (message.type() === 'error' && !/status of (422|404|403)/.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  for (const [name, step] of PAGES.filter(([name]) => !name.includes('with errors'))) {
    await step(page)
    t.is(await page.locator('script').count(), 0, `${name} needs no script`)
  }
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
  for (let press = 0; press < 10; press++) {
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
    'Engines',
    'Register',
    'Sign in',
    'username',
    'password',
  ])
  await page.goto('/login')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  t.is(await page.evaluate('document.activeElement.id'), 'content')
  await page.focus('[name=password]')
  await page.keyboard.type('grace-demo-password')
  await page.focus('[name=username]')
  await page.keyboard.type('grace')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/account')
  t.is(await page.textContent('h1'), 'Your account')
})
