import test, { type ExecutionContext } from 'ava'
import { knownLanguage } from '../../../src/web/languages.ts'
import { has, testOn } from '../../storage/present.ts'
import type { TestApp, TestBrowser } from '../../support/app.ts'
import { appWithNotes, signIn, signOut } from '../../support/notes-steps.ts'

interface Figures {
  readonly engine: string
  readonly figures: readonly {
    id: string
    value: number
    events: number
    target: number
    alert: number
    state: string
  }[]
  readonly cache: string | null
  readonly waiting: number
}

const COPIES = { SESSION_ENGINE: 'cached_db' }

async function staffOn(t: ExecutionContext, env: Record<string, string> = {}) {
  const app = await appWithNotes(t, env)
  const staff = app.browser()
  await signIn(staff, 'ada')
  const figures = async () => (await staff.json('GET', '/operations')).json<Figures>()
  return { app, staff, figures }
}

/** An element without others of its kind inside, as text. */
function element(text: string, tag: string, id: string): string {
  const [, inside = ''] = new RegExp(`<${tag}[^>]* id="${id}"[^>]*>([\\s\\S]*?)</${tag}>`).exec(text) ?? []
  return inside.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
}

function repeat(count: number, app: TestApp, event: Parameters<TestApp['services']['observe']>[0]): void {
  for (let n = 0; n < count; n++) app.services.observe(event)
}

test('the dashboard is for staff: others are redirected to the sign-in, or refused', async (t) => {
  const { app, staff } = await staffOn(t)
  t.is((await staff.get('/operations')).status, 200)
  const stranger = await app.browser().get('/operations')
  t.deepEqual([stranger.status, stranger.headers.get('location')], [303, '/login?next=%2Foperations'])
  t.is((await app.browser().json('GET', '/operations')).status, 401)
  const grace: TestBrowser = app.browser()
  await signIn(grace, 'grace')
  t.is((await grace.get('/operations')).status, 403)
  t.notRegex((await grace.get('/')).text, /href="\/operations"/)
  t.regex((await staff.get('/')).text, /href="\/operations"/)
})

testOn(COPIES)('every figure is shown with its target and alert level', async (t) => {
  const { staff } = await staffOn(t, COPIES)
  let text = ''
  // On a busy machine counting the sessions may take longer than one page waits for it.
  for (let page = 0; page < 50 && !text.includes('Live sessions'); page++) {
    text = (await staff.get('/operations')).text
  }
  const levels: Record<string, RegExp> = {
    response: /Target: at most 100 ms\. Alert: above 200 ms/,
    conflicts: /Target: at most 5%\. Alert: above 20%/,
    ended: /Target: at most 1%\. Alert: above 5%/,
    hits: /Target: at least 80%\. Alert: below 70%/,
    writes: /Target: at least 95%\. Alert: below 90%/,
    fallbacks: /Target: at most 20%\. Alert: above 30%/,
  }
  for (const [id, level] of Object.entries(levels)) {
    t.true(text.includes(` id="${id}"`), id)
    t.regex(element(text, 'div', `about-${id}`), level, id)
  }
  t.regex(element(text, 'div', 'cache'), /State of the cache up Good It answers/)
  t.true(text.indexOf('id="hits"') < text.indexOf('<details'), 'figures come first, explanations are folded')
  for (const word of ['P50', 'P95', 'P99', 'Live sessions', 'Sessions by age', 'The largest sessions'])
    t.true(text.includes(word), word)
})

testOn(COPIES)('bad figures are named on the card and in the summary', async (t) => {
  const { app, staff, figures } = await staffOn(t, COPIES)
  repeat(40, app, { type: 'cache', outcome: 'hit' })
  repeat(60, app, { type: 'cache', outcome: 'miss' })
  const hits = (await figures()).figures.find(({ id }) => id === 'hits')
  t.is(hits?.state, 'alert')
  const { text } = await staff.get('/operations')
  t.regex(element(text, 'article', 'hits'), /Alert/)
  const [, summary = ''] = text.split('id="overall"')
  t.regex(element(`<dl id="x">${summary.split('<dl>')[1]}`, 'dl', 'x'), /^ Cache hit ratio: Give the cache more memory/)
  repeat(140, app, { type: 'cache', outcome: 'hit' })
  t.is((await figures()).figures.find(({ id }) => id === 'hits')?.state, 'missed')
  repeat(400, app, { type: 'cache', outcome: 'hit' })
  t.is((await figures()).figures.find(({ id }) => id === 'hits')?.state, 'good')
})

testOn(COPIES)('with too little traffic there is no rating', async (t) => {
  const { app, figures } = await staffOn(t, COPIES)
  repeat(3, app, { type: 'cache', outcome: 'miss' })
  t.is((await figures()).figures.find(({ id }) => id === 'hits')?.state, 'few')
})

if (has('db', 'sealed')) {
  test('an engine without copies has no hit ratio, and the page says so', async (t) => {
    const { staff, figures } = await staffOn(t)
    t.deepEqual(
      (await figures()).figures.map(({ id }) => id),
      ['response', 'conflicts', 'ended'],
    )
    t.regex((await staff.get('/operations')).text, /The engine db keeps no copies in a cache/)
  })
}

if (has('db', 'sealed')) {
  test('users are named, and an account that is gone has its number', async (t) => {
    const { app, staff } = await staffOn(t)
    await signIn(app.browser(), 'grace')
    await staff.post('/', {}, { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' })
    for (let n = 0; n < 3; n++) await signIn(app.browser(), 'ada')
    const page = async () => {
      let text = ''
      // On a busy machine counting the sessions may take longer than one page waits for it.
      while (!text.includes('id="largest"')) text = (await staff.get('/operations')).text
      return text
    }
    const text = await page()
    const largest = element(text, 'table', 'largest-table')
    t.regex(largest, / ada /)
    t.regex(largest, / grace /)
    t.regex(
      element(text, 'ul', 'latest-events'),
      /^ Signed in 3× ada, 127\.0\.0\.x \S+( \S+)* Request of another site refused 127\.0\.0\.x /,
    )
    await app.services.knex('users').where({ username: 'grace' }).update({ disabled_at: 1 })
    t.regex(element(await page(), 'table', 'largest-table'), / account 2 /)
    const { security } = (await staff.json('GET', '/operations')).json<{ security: object[] }>()
    t.like(security[0], { event: 'signed in', userId: '1', count: 3, usual: true })
  })
}

testOn({ SESSION_ENGINE: 'signed_cookies' })(
  'an engine without records has no figures of them, and the page says so',
  async (t) => {
    const cookies = await staffOn(t, { SESSION_ENGINE: 'signed_cookies' })
    t.deepEqual(
      (await cookies.figures()).figures.map(({ id }) => id),
      ['response'],
    )
    t.regex((await cookies.staff.get('/operations')).text, /signed_cookies cannot count its sessions/)
  },
)

test('the page refreshes itself with scripts and without, and does not keep anybody signed in', async (t) => {
  const { staff } = await staffOn(t)
  const { text, headers } = await staff.get('/operations')
  t.regex(text, /<script type="module" src="\/assets\/operations\.browser\.js"><\/script>/)
  t.regex(text, /<noscript><meta http-equiv="refresh" content="30;url=\/operations\?refresh"><\/noscript>/)
  t.notRegex(text, /<script(?![^>]* src=)/, 'nothing inline')
  t.regex(headers.get('content-security-policy') ?? '', /default-src 'self'/)
  const still = (await staff.get('/operations?still')).text
  t.notRegex(still, /http-equiv="refresh"|operations\.browser\.js/)
  const renewed = await staff.get('/operations?refresh')
  t.deepEqual([renewed.status, renewed.headers.getSetCookie()], [200, []])
})

if (has('db', 'sealed')) {
  test('metrics contain no key, user, path or address', async (t) => {
    const { app, staff } = await staffOn(t)
    await staff.get('/nothing-here?secret-path=1')
    await signOut(staff)
    const text = await (await fetch(`${app.origin}/metrics`)).text()
    const value = (await staff.cookie()).split('=')[1] ?? 'none'
    for (const word of [value, 'ada', 'secret-path', '/nothing-here', '127.0.0.1', 'localhost'])
      t.false(text.includes(word), word)
    t.regex(text, /holdfast_session_operation_seconds_count\{engine="db",operation="delete",outcome="done"\} [1-9]/)
  })
}

if (knownLanguage('de') !== undefined) {
  test('the dashboard in German', async (t) => {
    const { app, staff } = await staffOn(t)
    t.regex((await staff.get('/operations')).text, /Targets and alert levels/)
    await app.services.knex('users').update({ language: 'de' })
    const { text } = await staff.get('/operations', { 'accept-language': 'en' })
    t.notRegex(text, /Targets and alert levels|Meaning and remedies/)
    t.regex(text, /Ziele und Alarmschwellen/)
  })
}
