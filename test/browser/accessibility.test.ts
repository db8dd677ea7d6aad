import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import test, { type ExecutionContext } from 'ava'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { LANGUAGES } from '../../src/web/languages.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { launchBrowser } from '../support/browser.ts'
import notes from '../support/notes.ts'
import { type FeaturePages, featurePages, goto, type Look, type PageStep } from '../support/pages.ts'
import { storm } from '../support/storm.ts'

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

const PHONE = { width: 360, height: 800 }
const DESKTOP = { width: 1280, height: 800 }
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const COLOUR_RULES = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }
const SYSTEM = 'light'
// The longest words on the smallest screen.
const LONGEST = { theme: 'dark', language: LANGUAGES.at(-1) ?? 'en' } as const
// The defaults first: they would not replace what an account has from the other one.
const CHOSEN: readonly Look[] = [...(storm ? [{ theme: 'light', language: 'en' } as const] : []), LONGEST]
// Beside the chosen one. A theme changes only colours, and a wide screen shows more.
const OTHER_LOOKS = storm
  ? ([
      ['system', 'dark', PHONE, COLOUR_RULES],
      ['light', 'dark', PHONE, COLOUR_RULES],
      ['dark', 'light', DESKTOP, RULES],
      ['light', 'dark', DESKTOP, RULES],
    ] as const)
  : ([['light', 'dark', PHONE, COLOUR_RULES]] as const)
const SIDEWAYS = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
const MENU_SIDEWAYS = `[...document.querySelectorAll('header nav')].some((nav) => nav.scrollWidth > nav.clientWidth)`
const HEADER_HEIGHT = `document.querySelector('header').offsetHeight`
const DEAD_ENDS = `[...document.querySelectorAll('a[href^="#"]')]
  .filter((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))) === null)
  .map((link) => link.href)`

/** Chooses the look, where a feature lets visitors do so; gives the theme that pages have then. */
async function choose(page: Page, look: Look): Promise<Look['theme']> {
  const choosers = all.flatMap((one) => one.choose ?? [])
  for (const chooser of choosers) await chooser(page, look)
  return choosers.length > 0 ? look.theme : 'system'
}

interface Visit {
  readonly look: Look
  readonly options: BrowserContextOptions
  /** Called before the first page is opened. */
  begin(page: Page): void
  check(page: Page, step: PageStep): Promise<void>
}

/** Opens every page, as a visitor of each feature who has chosen this look. */
async function visitAll(t: ExecutionContext, { look, options, begin, check }: Visit): Promise<void> {
  // One page for all: a new context starts a process, which takes longer than most pages.
  const context = await chromium.newContext({ baseURL: app.origin, locale: look.language, ...options })
  const page = await context.newPage()
  begin(page)
  for (const { pages } of all) {
    await context.clearCookies()
    const theme = await choose(page, look)
    for (const step of pages) {
      await step.open(page)
      // A click comes back when the page has changed, which may be before its styles are there.
      await page.waitForLoadState('load')
      const { name, impersonal } = step
      if (!impersonal) t.is(await page.getAttribute('html', 'data-theme'), theme, name)
      t.is(await page.getAttribute('html', 'lang'), look.language, name)
      await check(page, step)
    }
  }
  await context.close()
}

/** The page scrolls in one direction only, on a phone and on a desktop; and its header takes at most two rows without being scrolled. */
async function fits(t: ExecutionContext, page: Page, name: string): Promise<void> {
  for (const size of [DESKTOP, PHONE]) {
    await page.setViewportSize(size)
    t.false(await page.evaluate(SIDEWAYS), `${name} scrolls sideways, ${size.width} px wide`)
    t.false(await page.evaluate(MENU_SIDEWAYS), `the menu of ${name} scrolls sideways, ${size.width} px wide`)
    t.true((await page.evaluate<number>(HEADER_HEIGHT)) < 110, `the header of ${name}, ${size.width} px wide`)
  }
}

async function violations(page: Page, runOnly: unknown): Promise<string[]> {
  // Selectors and passed rules take axe longer than the rules.
  const options = { runOnly, resultTypes: ['violations'], reporter: 'no-passes', selectors: false, preload: false }
  const found: Violation[] = await page.evaluate(
    `axe.run(document, ${JSON.stringify(options)}).then((result) => result.violations)`,
  )
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

async function followsWcag(t: ExecutionContext, page: Page, name: string): Promise<void> {
  await page.evaluate(axe)
  t.deepEqual(await violations(page, RULES), [], name)
  for (const [theme, system, size, rules] of OTHER_LOOKS) {
    await page.setViewportSize(size)
    await page.emulateMedia({ colorScheme: system })
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`)
    t.deepEqual(await violations(page, rules), [], `${name}, ${theme} on a ${system} system`)
  }
  await page.setViewportSize(PHONE)
  await page.emulateMedia({ colorScheme: SYSTEM })
}

for (const look of CHOSEN) {
  test.serial(
    `every page follows WCAG 2.2 AA and its own policy, never scrolls sideways, has no links to nowhere and no needless script (${look.language})`,
    async (t) => {
      t.timeout(240_000)
      const complaints: string[] = []
      const begin = (page: Page) => {
        page.on('console', (message) => {
          // Chromium logs that a form was refused; it may log nothing else.
          if (message.type() === 'error' && !/status of (422|404|403|410)/.test(message.text()))
            complaints.push(message.text())
        })
        page.on('pageerror', (error) => complaints.push(error.message))
      }
      const check = async (page: Page, { name, scripts }: PageStep) => {
        if (!scripts) t.is(await page.locator('script').count(), 0, `${name} needs no script`)
        t.deepEqual(await page.evaluate(DEAD_ENDS), [], `${name} has links to nowhere`)
        await fits(t, page, name)
        t.deepEqual(complaints, [], name)
        await followsWcag(t, page, name)
      }
      // A colour on its way to another one has no contrast worth measuring.
      const options = { viewport: PHONE, colorScheme: SYSTEM, reducedMotion: 'reduce' } as const
      await visitAll(t, { look, options, begin, check })
      t.deepEqual(complaints, [])
    },
  )
}

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
