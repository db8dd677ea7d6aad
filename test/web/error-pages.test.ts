import Router from '@koa/router'
import test, { type ExecutionContext } from 'ava'
import { defineFeature } from '../../src/web/feature.ts'
import { LANGUAGES } from '../../src/web/languages.ts'
import { type Answer, startApp } from '../support/app.ts'
import notes from '../support/notes.ts'
import { note } from '../support/notes-steps.ts'
import { translations } from '../support/translations.ts'

async function site(t: ExecutionContext) {
  const app = await startApp({}, undefined, [looks, notes])
  t.teardown(() => app.close())
  return app
}

/** How a page looks, and its heading. */
function look({ text }: Answer) {
  const [, language, theme] = /<html lang="(\w+)" data-theme="(\w+)"/.exec(text) ?? []
  return [language, theme, /<h1>(.*?)<\/h1>/.exec(text)?.[1]]
}

// Any but English, where there is one.
const [LANGUAGE = 'en'] = LANGUAGES.slice(-1)
const ITS_LANGUAGE = { 'accept-language': `${LANGUAGE}-AT,${LANGUAGE};q=0.9,en;q=0.5` }
const said = translations(LANGUAGE)
const MISSING = '/nothing-here'

const REFUSED = '/refused'

/** Visitors want dark pages in this language, which only the session tells: others are light. One page is refused. */
const looks = defineFeature({
  name: 'looks',
  open() {
    const router = new Router()
    router.get(REFUSED, async (ctx) => {
      await ctx.session()
      ctx.throw(403)
    })
    return {
      routes: router.routes(),
      page: () => ({ display: { theme: 'dark', language: LANGUAGE } }),
      defaultDisplay: { theme: 'light' },
    }
  },
})

test('anonymous pages are in the language that the browser asks for, error pages too', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  t.is(look(await browser.get('/', ITS_LANGUAGE))[0], LANGUAGE)
  const missing = await browser.get(MISSING, ITS_LANGUAGE)
  t.is(missing.status, 404)
  t.regex(missing.headers.get('vary') ?? '', /Accept-Language/)
  t.deepEqual([look(missing)[0], look(missing)[2]], [LANGUAGE, said('Page not found')])
  t.deepEqual(look(await browser.get(MISSING, { 'accept-language': 'fr, *;q=0.1' }))[0], 'en')
  t.is(await browser.cookie(), '', 'and nobody gets a session')
})

test('an error page has the visitor’s theme and language if the session was loaded', async (t) => {
  const browser = (await site(t)).browser()
  await note(browser, 'milk')
  const refused = await browser.get(REFUSED, { 'accept-language': 'en' })
  t.deepEqual([refused.status, ...look(refused)], [403, LANGUAGE, 'dark', said('Not allowed')])
  t.deepEqual(
    look(await browser.get(MISSING, ITS_LANGUAGE)),
    [LANGUAGE, 'light', said('Page not found')],
    'this one does not',
  )
})

test('the error page of an outage does not use the session store, and is in the language of the browser', async (t) => {
  const app = await site(t)
  const browser = app.browser()
  await note(browser, 'milk')
  const { engine } = app.services
  const { open } = engine
  let opened = 0
  engine.open = async () => {
    opened++
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  }
  t.teardown(() => void Object.assign(engine, { open }))
  const out = await browser.get('/', ITS_LANGUAGE)
  t.deepEqual([out.status, ...look(out)], [503, LANGUAGE, 'light', said('Temporarily unavailable')])
  t.is(opened, 1, 'by the page itself')
  t.is(out.headers.get('retry-after'), '5')
  const missing = await browser.get(MISSING, ITS_LANGUAGE)
  t.deepEqual([missing.status, ...look(missing)], [404, LANGUAGE, 'light', said('Page not found')])
})
