import { readFileSync } from 'node:fs'
import test from 'ava'
import { ConfigError, readConfig } from '../../../src/config.ts'
import { document } from '../../../src/features/choosing/document.ts'
import { GUIDE } from '../../../src/features/choosing/guide.ts'
import { figuresOf, readMeasured } from '../../../src/features/choosing/measured.ts'
import { milliseconds, percent } from '../../../src/features/choosing/texts.ts'
import { VARIANTS, variantOf } from '../../../src/features/choosing/variants.ts'
import { startApp, TEST_SECRET, type TestApp } from '../../support/app.ts'
import { signIn } from '../account/steps.ts'

interface Told {
  running: string
  engines: { id: string; engine: string; running: boolean; figures: Record<string, unknown>[] }[]
}

interface Reported {
  results: { candidate: string; kind: string; ratio: number; p99: number }[]
}

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const page = async (headers: Record<string, string> = {}) => await app.browser().get('/engines', headers)
const told = async (of: TestApp) => (await of.browser().json('GET', '/engines')).json<Told>()

/** As readConfig itself names them to whoever asks for another. */
function enginesOfTheSettings(): string[] {
  try {
    readConfig({ SECRET_KEY: TEST_SECRET, SESSION_ENGINE: 'none of them' })
  } catch (error) {
    if (error instanceof ConfigError) return [...error.message.matchAll(/"(\w+)"/g)].map(([, name = '']) => name)
  }
  return []
}

test('every engine that the settings know is on the page, in the JSON and in the document', async (t) => {
  const engines = enginesOfTheSettings()
  t.true(engines.includes('cached_db'))
  const { text } = await page()
  t.deepEqual([...new Set((await told(app)).engines.map(({ engine }) => engine))].sort(), engines.sort())
  for (const { id, name, bestFor, avoidWhen, settings } of VARIANTS) {
    t.true(text.includes(`id="${id}"`), id)
    for (const part of [name, bestFor, avoidWhen, settings]) t.true(text.includes(part), part)
  }
  t.is(text.match(/<article /g)?.length, VARIANTS.length)
})

test('the running one is marked, and no other', async (t) => {
  t.regex((await page()).text, /Running now: <a href="#db-sqlite">/)
  const another = await startApp({ SESSION_ENGINE: 'cache', CACHE_URL: 'memory:' })
  t.teardown(() => another.close())
  for (const [of, id] of [
    [app, 'db-sqlite'],
    [another, 'cache-memory'],
  ] as const) {
    const { running, engines } = await told(of)
    t.is(running, id)
    t.deepEqual(
      engines.filter((engine) => engine.running).map((engine) => engine.id),
      [id],
    )
    const { text } = await of.browser().get('/engines')
    const cards = [...text.matchAll(/<article class="card running" id="([^"]+)"/g)].map(([, marked]) => marked)
    t.deepEqual(cards, [id])
  }
})

test('the settings of each are accepted, and choose it', (t) => {
  for (const { id, engine, settings } of VARIANTS) {
    const pairs = settings
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
    const config = readConfig({ NODE_ENV: 'test', SECRET_KEY: TEST_SECRET, ...Object.fromEntries(pairs) })
    t.is(variantOf(config), id)
    t.is(config.session.engine, engine)
  }
})

test('every figure is one of the benchmark’s', async (t) => {
  const { results }: Reported = JSON.parse(readFileSync('docs/measured.json', 'utf8'))
  const figures = (await told(app)).engines.flatMap((engine) => engine.figures)
  t.true(figures.length > 0)
  for (const { candidate, none, read, change, p99Read, p99Change } of figures) {
    const found = (kind: string) => results.find((one) => one.candidate === candidate && one.kind === kind)
    t.deepEqual([none, read, change], [found('none')?.ratio, found('read')?.ratio, found('change')?.ratio])
    t.deepEqual([p99Read, p99Change], [found('read')?.p99, found('change')?.p99])
  }
  const shown = new Set(results.flatMap(({ ratio, p99 }) => [percent(ratio, 'en'), milliseconds(p99, 'en')]))
  const cells = [...(await page()).text.matchAll(/<td class="number"[^>]*>([^<]*)</g)].map(([, cell = '']) => cell)
  t.true(cells.length > figures.length)
  t.deepEqual(
    cells.filter((cell) => !shown.has(cell)),
    [],
  )
})

test('a candidate that answered wrongly, or was left out, has no figures; nor has a file that cannot be read', (t) => {
  const measured = readMeasured()
  if (measured === undefined) return t.fail('docs/measured.json cannot be read')
  const results = measured.results
    .filter(({ candidate }) => candidate !== 'file')
    .map((one) =>
      one.candidate === 'db' && one.kind === 'change' ? { ...one, wrong: { 'a change not saved': 1 } } : one,
    )
  const names = figuresOf({ ...measured, results }).map(({ candidate }) => candidate)
  t.false(names.includes('file'))
  t.false(names.includes('db'))
  t.true(names.includes('hybrid'))
  t.is(readMeasured('docs/no-such-file.json'), undefined)
  t.is(readMeasured('README.md'), undefined)
  t.regex(document(undefined), /There are no figures yet/)
})

test('docs/choosing-an-engine.md says what the page says, with the figures of docs/measured.json', (t) => {
  const written = readFileSync('docs/choosing-an-engine.md', 'utf8')
  t.is(written, document(readMeasured()), 'run "node scripts/run.mjs src/features/choosing/write-document.ts"')
})

test('it is nobody’s page: no session is asked for, no cookie set, and any cache may keep it', async (t) => {
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

test('the page around it is in the language that the browser asks for', async (t) => {
  const { text, headers } = await page({ 'accept-language': 'de-AT,de;q=0.9,en;q=0.5' })
  t.regex(text, /<html lang="de"[\s\S]*Zum Inhalt springen/)
  t.regex(headers.get('vary') ?? '', /Accept-Language/)
  t.regex((await page({ 'accept-language': 'fr' })).text, /<html lang="en"/)
})

test('every engine that the guide names is there, and the home page leads to the page', async (t) => {
  const ids = VARIANTS.map(({ id }) => id)
  for (const { answers } of GUIDE) for (const { take } of answers) for (const id of take) t.true(ids.includes(id), id)
  t.regex((await app.browser().get('/')).text, /href="\/engines"/)
})
