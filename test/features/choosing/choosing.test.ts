import test from 'ava'
import { choiceOf } from '../../../src/storage/open.ts'
import { knownLanguage } from '../../../src/web/languages.ts'
import { LOCAL } from '../../storage/set-ups.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import notes from '../../support/notes.ts'
import { signIn } from '../../support/notes-steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp({}, undefined, [notes])
})
test.after.always(() => app?.close())

const page = async (headers: Record<string, string> = {}) => await app.browser().get('/engines', headers)

test('the page shows the document, and marks the heading of the running engine and no other', async (t) => {
  for (const { env } of LOCAL) {
    const of = await startApp(env)
    t.teardown(() => of.close())
    const name = choiceOf(of.services.config)
    const { text } = await of.browser().get('/engines')
    const marked = [...text.matchAll(/<h3 id="([^"]+)">([^<]*) <span class="badge">/g)]
    t.deepEqual(
      marked.map(([, , title]) => title),
      [name],
    )
    t.true(text.includes(`Running now: <a href="#${marked[0]?.[1]}">${name}</a>`), name)
    const { running, document } = (await of.browser().json('GET', '/engines')).json<Record<string, string>>()
    t.is(running, name)
    t.true(document?.startsWith('# Choosing an engine\n'))
  }
})

test('the page does not use the session, sets no cookie, and is cacheable', async (t) => {
  const visitor = app.browser()
  await signIn(visitor, 'ada')
  for (const headers of [{}, { accept: 'application/json' }]) {
    const answer = await visitor.get('/engines', headers)
    t.is(answer.status, 200)
    t.is(answer.headers.get('set-cookie'), null)
    t.notRegex(answer.headers.get('vary') ?? '', /cookie/i)
    t.regex(answer.headers.get('cache-control') ?? '', /^public, max-age=\d+$/)
    t.is(answer.text, (await page(headers)).text)
  }
})

if (knownLanguage('de') !== undefined) {
  test('the page around the document is in the language that the browser asks for', async (t) => {
    const { text, headers } = await page({ 'accept-language': 'de-AT,de;q=0.9,en;q=0.5' })
    t.regex(text, /<html lang="de"[\s\S]*Zum Inhalt springen/)
    t.regex(
      text,
      /Eine Engine wählen[\s\S]*Dieses Dokument gibt es nur auf Englisch[\s\S]*<article class="document" lang="en">/,
    )
    t.regex(headers.get('vary') ?? '', /Accept-Language/)
    t.regex((await page({ 'accept-language': 'fr' })).text, /<html lang="en"/)
  })
}

test('the home page links to it', async (t) => {
  t.regex((await app.browser().get('/')).text, /href="\/engines"/)
})
