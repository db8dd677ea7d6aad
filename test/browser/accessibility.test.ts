import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import test from 'ava'
import type { Browser, Page } from 'playwright-core'
import { LANGUAGES } from '../../src/web/languages.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'
import notes from '../support/notes.ts'
import { type FeaturePages, featurePages, goto, type Look, type PageStep } from '../support/pages.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  nodes: { html: string }[]
}

// Here mail is shown, so that its link can be followed, and every page explains its session.
const SETTINGS = { NODE_ENV: 'development' }

let app: TestApp
let chromium: Browser
let all: FeaturePages[]

test.before(async () => {
  let offered: Map<string, FeaturePages>
  ;[app, chromium, offered] = await Promise.all([
    startApp(SETTINGS, undefined, [notes]),
    launchBrowser(),
    featurePages(),
  ])
  all = [{ pages: SHARED }, ...offered.values()]
})
test.after.always(async () => {
  await chromium?.close()
  await app?.close()
})

/** What the page of another site gets when it posts here. */
async function fromElsewhere(page: Page): Promise<void> {
  // 127.0.0.1 and localhost are different sites to a browser.
  const elsewhere = `${app.origin.replace('localhost', '127.0.0.1')}/elsewhere`
  const body = `<form method="post" action="${app.origin}/"><button>win a prize</button></form>`
  await page.route(elsewhere, (route) => route.fulfill({ contentType: 'text/html', body }))
  await page.goto(elsewhere)
  await page.click('button')
}

/** The pages that no feature brings. */
const SHARED: readonly PageStep[] = [
  { name: 'home', open: goto('/') },
  // Neither asks for the session.
  { name: 'nothing there', impersonal: true, open: goto('/nothing-here') },
  { name: 'refused', impersonal: true, open: fromElsewhere },
]

const RULES = JSON.stringify({
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
})
const SIDEWAYS = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
const DEAD_ENDS = `[...document.querySelectorAll('a[href^="#"]')]
  .filter((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))) === null)
  .map((link) => link.href)`

/** Chooses the look, where a feature lets visitors do so; gives the theme that pages have then. */
async function choose(page: Page, look: Look): Promise<Look['theme']> {
  const choosers = all.flatMap((one) => one.choose ?? [])
  for (const chooser of choosers) await chooser(page, look)
  return choosers.length > 0 ? look.theme : 'system'
}

// What a theme changes does not depend on the width: axe looks at each page once per theme, and layout is checked in both.
for (const { theme, system, language, width, other } of [
  { theme: 'light', system: 'dark', language: 'en', width: 360, other: 1280 },
  { theme: 'dark', system: 'light', language: 'en', width: 1280, other: 360 },
  // The longest words on the smallest screen.
  { theme: 'system', system: 'dark', language: LANGUAGES.at(-1) ?? 'en', width: 360, other: 1280 },
] as const) {
  test.serial(
    `every page, ${theme} on a ${system} system, in ${language}, ${width} px wide: nothing to complain of`,
    async (t) => {
      t.timeout(240_000)
      for (const { pages } of all) {
        const context = await chromium.newContext({
          baseURL: app.origin,
          viewport: { width, height: 800 },
          colorScheme: system,
          locale: language,
          // A colour on its way to another one has no contrast worth measuring.
          reducedMotion: 'reduce',
          // The tests' own script would not pass the policy; that nothing violates it is asserted apart.
          bypassCSP: true,
        })
        const page = await context.newPage()
        const chosen = await choose(page, { theme, language })
        for (const { name, open, impersonal } of pages) {
          await open(page)
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
          for (const each of [other, width]) {
            await page.setViewportSize({ width: each, height: 800 })
            t.false(await page.evaluate(SIDEWAYS), `${name} scrolls sideways, ${each} px wide`)
          }
          t.deepEqual(await page.evaluate(DEAD_ENDS), [], `${name} has links to nowhere`)
          if (!impersonal) t.is(await page.getAttribute('html', 'data-theme'), chosen, name)
          t.is(await page.getAttribute('html', 'lang'), language, name)
        }
        await context.close()
      }
    },
  )
}

test('no page breaks its own security policy or logs an error, and only few have scripts', async (t) => {
  const complaints: string[] = []
  for (const { pages } of all) {
    const page = await (await chromium.newContext({ baseURL: app.origin })).newPage()
    page.on('console', (message) => {
      // A refused form is an answer with an error status, which Chromium writes down; nothing else may be.
      if (message.type() === 'error' && !/status of (422|404|403|410)/.test(message.text()))
        complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    for (const { name, open, scripts } of pages.filter(({ name }) => !name.includes('with errors'))) {
      await open(page)
      if (!scripts) t.is(await page.locator('script').count(), 0, `${name} needs no script`)
    }
  }
  t.deepEqual(complaints, [])
})

test('keyboard only: skip link and menu in order, with visible focus', async (t) => {
  const page = await (await chromium.newContext({ baseURL: app.origin })).newPage()
  await page.goto('/')
  const links = await page.locator('header a, header button').allTextContents()
  const order: string[] = []
  for (let press = 0; press <= links.length; press++) {
    await page.keyboard.press('Tab')
    const { text, outline } = await page.evaluate<{ text: string; outline: string }>(`({
      text: document.activeElement.textContent,
      outline: getComputedStyle(document.activeElement).outlineStyle,
    })`)
    order.push(text.trim())
    t.not(outline, 'none', text)
  }
  t.deepEqual(order, ['Skip to content', ...links.map((text) => text.trim())])
  await page.goto('/')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  t.is(await page.evaluate('document.activeElement.id'), 'content')
})
