import test, { type ExecutionContext } from 'ava'
import { knownLanguage } from '../../../src/web/languages.ts'
import { has, testOn } from '../../storage/present.ts'
import type { Answer, TestBrowser } from '../../support/app.ts'
import { appWithNotes, NOTES, note, signIn, signOut } from '../../support/notes-steps.ts'

interface Row {
  label: string
  texts: string[]
}

const development = (t: ExecutionContext, env: Record<string, string> = {}) =>
  appWithNotes(t, { NODE_ENV: 'development', ...env })

interface Said {
  text: string
  rows: Record<string, string[]>
}

/** Earlier requests, newest first: what was asked, and what is said of it. */
async function earlier(browser: TestBrowser): Promise<Said[]> {
  const body = (await browser.json('GET', '/session')).json<{ earlier: { text: string; rows: Row[] }[] }>()
  return body.earlier.map(({ text, rows }) => ({
    text,
    rows: Object.fromEntries(rows.map(({ label, texts }) => [label, texts])),
  }))
}

// Times other than the expiry are in this format alone.
const SEALED = { SESSION_FORMAT: 'sealed' }
const COOKIES = { SESSION_ENGINE: 'signed_cookies' }
const panelOf = ({ text }: Answer) => /<aside class="explained"[\s\S]*<\/aside>/.exec(text)?.[0] ?? ''

testOn(SEALED)('a form that stored something is explained after its redirect', async (t) => {
  const app = await development(t)
  const browser = app.browser()
  t.is((await browser.post(NOTES, { name: 'milk' })).status, 303)
  const page = panelOf(await browser.get('/'))
  t.regex(page, /flash \(removed\)/)
  t.regex(page, /The changes: the session was changed\./)
  const [shown, post] = await earlier(browser)
  t.is(shown?.text, 'GET / · 200')
  t.deepEqual(shown?.rows['Saved'], ['The changes: the session was changed.'])
  t.is(post?.text, 'POST /notes · 303')
  t.deepEqual(post?.rows['Loaded'], ['None: the browser sent no cookie.'])
  t.deepEqual(post?.rows['Changed'], ['notes, flash'])
  t.deepEqual(post?.rows['Saved'], ['A new session: something was stored for the first time.'])
  const cookie = post?.rows['Cookie'] ?? []
  t.is(cookie[0], 'Sent: the session is new.')
  for (const part of [
    /^Max-Age=34560000: .* in 400 days\.$/,
    /^HttpOnly: /,
    /^SameSite=Lax: /,
    /^Path=\/: /,
    /^No Secure: /,
  ]) {
    t.true(
      cookie.some((text) => part.test(text)),
      String(part),
    )
  }
  t.regex(post?.rows['Times']?.join() ?? '', /Saved in .*Store operations: create /)
})

test('signing in and out: a new key, an end, and nothing is lost', async (t) => {
  const app = await development(t)
  const browser = app.browser()
  await browser.post(NOTES, { name: 'milk' })
  await signIn(browser, 'ada')
  const [post, first] = await earlier(browser)
  t.is(first?.text, 'POST /notes · 303')
  t.is(post?.text, 'POST /notes/sign-in · 200')
  t.deepEqual(post?.rows['Saved'], ['The session, under a new key: the session gets a new key.'])
  t.regex(post?.rows['Changed']?.join() ?? '', /_auth_user_id, _auth_user_hash/)
  const marks = post?.rows['Cookie']?.flatMap((text) => /#[0-9a-f]{4}/.exec(text)?.[0] ?? []) ?? []
  t.is(new Set(marks).size, 2, 'received one key, sent another')
  const signedIn = await browser.cookie()
  await signOut(browser)
  // The browser has deleted the cookie; a copy of it still shows what happened.
  const late = await browser.get('/session', { cookie: signedIn })
  t.regex(late.text, /POST \/notes\/sign-out · 200/)
  t.regex(late.text, /The session was ended at once\./)
  t.regex(late.text, /Deleted: the session was ended\./)
  t.regex(late.text, /Max-Age=0: the browser forgets it\./)
  t.regex(late.text, /None: no session has this key/)
})

for (const engine of ['db', 'signed_cookies', 'hybrid'].filter((name) => has(name))) {
  test(`${engine}: no cookie, hash, address or other value is ever shown`, async (t) => {
    const app = await development(t, { SESSION_ENGINE: engine })
    const browser = app.browser()
    const cookies = new Set<string>()
    const keep = async () => cookies.add((await browser.cookie()).split('=')[1] ?? '')
    await note(browser, 'a_name_of_18_letters')
    await keep()
    const { engine: sessions } = app.services
    const anonymous = await sessions.open([...cookies][0] ?? '')
    await signIn(browser, 'ada')
    await keep()
    const signedIn = await sessions.open((await browser.cookie()).split('=')[1] ?? '')
    t.true(anonymous.live && signedIn.live)
    const values = [anonymous, signedIn].map((one) => (one.live ? one.loaded.data : {}))
    const secrets = (JSON.stringify(values).match(/"[^"]{9,}"/g) ?? [])
      .map((text) => text.slice(1, -1))
      .filter((text) => /[$@=]|[\w+/-]{20}/.test(text))
    t.true(secrets.length >= 2, String(secrets))
    const shown = [
      (await browser.get('/')).text,
      (await browser.get('/nothing-here')).text,
      (await browser.get('/session')).text,
      (await browser.json('GET', '/session')).text,
    ]
    await keep()
    for (const secret of [...cookies, ...secrets]) {
      t.true(secret.length > 8)
      for (const page of shown) t.false(page.includes(secret), secret)
    }
    const [page = ''] = shown.slice(2)
    t.regex(page, /<code>_auth_user_hash<\/code>.*•••/, 'its name is shown')
  })
}

testOn(COOKIES)('requests follow a session whose cookie changes with every save', async (t) => {
  const app = await development(t, COOKIES)
  const browser = app.browser()
  for (const name of ['milk', 'tea', 'rice']) await browser.post(NOTES, { name })
  const texts = (await earlier(browser)).map(({ text }) => text)
  t.deepEqual(texts, Array(3).fill('POST /notes · 303'))
  const [last] = await earlier(browser)
  t.is(last?.rows['Cookie']?.[0], 'Sent: it contains the session.')
})

if (knownLanguage('de') !== undefined) {
  testOn(SEALED)('the panel is in the language of the page', async (t) => {
    const app = await development(t)
    const browser = app.browser()
    await note(browser, 'milk')
    const page = await browser.get('/session', { 'accept-language': 'de' })
    t.regex(page.text, /<h1>Die Sitzung erklärt<\/h1>/)
    t.regex(page.text, /Eine neue Sitzung: Es wurde zum ersten Mal etwas gespeichert\./)
    t.regex(page.text, /der Browser vergisst es in 400 Tagen/)
    if (has('db')) t.regex(panelOf(page), /Aus der Datenbank\./)
    t.notRegex(panelOf(page), /the session|Nothing/)
  })
}

testOn(SEALED)('a signed-in session has an absolute limit: 30 days, as its cookie', async (t) => {
  const app = await development(t)
  const browser = app.browser()
  const cookies = (await signIn(browser, 'grace', true)).headers.getSetCookie()
  const name = app.services.config.session.cookie.name
  t.regex(cookies.find((line) => line.startsWith(`${name}=`)) ?? '', /; Max-Age=2592000;/)
  const { session } = (await browser.json('GET', '/session')).json<{ session: Row[] }>()
  t.regex(session.find(({ label }) => label === 'Absolute limit')?.texts[0] ?? '', /in 30 days$/)
})
