import { readFileSync } from 'node:fs'
import test from 'ava'
import { choosingAnEngine } from '../../scripts/documents/choosing.ts'
import { envExample } from '../../scripts/documents/env-example.ts'
import { withFigures } from '../../scripts/documents/growth.ts'
import { readGrowth } from '../../scripts/documents/growth-report.ts'
import { figuresOf, type Measured, readMeasured } from '../../scripts/documents/measured.ts'
import { speedPlot } from '../../scripts/documents/plot.ts'
import { readConfig } from '../../src/config.ts'
import { readChoices } from '../../src/storage/choices.ts'
import { engines } from '../../src/storage/index.ts'
import { choiceOf } from '../../src/storage/open.ts'
import { isPossible } from '../storage/present.ts'
import { TEST_SECRET } from '../support/app.ts'

const RUN = 'run "npm run documents"'

test('.env.example is up to date', async (t) => {
  t.is(readFileSync('.env.example', 'utf8'), await envExample(), RUN)
})

test('docs/choosing-an-engine.md is up to date', async (t) => {
  t.is(readFileSync('docs/choosing-an-engine.md', 'utf8'), await choosingAnEngine(readMeasured()), RUN)
})

test('docs/scaling.md is up to date', async (t) => {
  const text = readFileSync('docs/scaling.md', 'utf8')
  t.is(
    text,
    withFigures(
      text,
      readGrowth(),
      engines.map(({ name }) => name),
    ),
    RUN,
  )
})

test('capacity is derived from clean figures alone, and says so', (t) => {
  const run = { about: 'Size', unit: 'bytes', date: new Date(0).toISOString(), seconds: 1 }
  const machine = { node: 'v20', processor: 'one', cores: 2 }
  const figures = { 'read CPU µs': 50, 'change CPU µs': 100, 'read, server µs': 10, 'change, server µs': 25 }
  const line = (candidate: string, clean: boolean, more = {}) => {
    return { candidate, at: 300, figures: { ...figures, ...more }, wrong: 0, clean }
  }
  const large = { ...line('cache-redis', true, { 'read/s': 500, 'change/s': 50 }), at: 60_000 }
  const rows = [line('cache-redis', true, { 'read/s': 1000, 'change/s': 200 }), large, line('db', false)]
  const growth = { questions: { size: { ...run, machine, rows } } }
  const text = withFigures('before\n<!-- measured -->\nold\n<!-- end of measured -->\nafter', growth, ['cache', 'db'])
  t.regex(text, /^\| cache on Redis \| 20,000 \/ 10,000 \| 100,000 \/ 40,000 \|$/m)
  // Four reads and a change take 60 µs each of the application and 13 of Redis, whose core is half busy at most.
  t.regex(text, /^\| one Redis \| 8,300 \| 33,000 \| 38,000 \| 38,000 \| 38,000 \| 5 cores \|$/m)
  t.regex(text, /^\| Redis Cluster, 3 masters \| 8,300 \| 33,000 \| 115,000 \| 115,000 \| 115,000 \| 14 cores \|$/m)
  t.regex(text, /^\| cache on Redis \| 1,000 \/ 200 \| 500 \/ 50 \| × 0.50 \/ × 0.25 \|$/m)
  t.notRegex(text, /db on SQLite|PostgreSQL, |old/)
  t.regex(text, /Derived, not measured/)
  t.regex(text, /^before\n[\s\S]*\nafter$/)
  t.regex(withFigures(text, growth, ['file']), /Nothing has been measured yet/)
  t.throws(() => withFigures('without marks', growth, []))
})

test('docs/speed.svg is up to date', async (t) => {
  t.is(readFileSync('docs/speed.svg', 'utf8'), speedPlot(readMeasured(), await readChoices()), RUN)
})

test('the settings of each choice are valid and select it, and every engine has a choice', async (t) => {
  const chosen = new Set<string | undefined>()
  for (const { name, settings } of await readChoices()) {
    const pairs = settings.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))
    const env: Record<string, string> = Object.fromEntries(pairs)
    chosen.add(env['SESSION_ENGINE'] ?? engines[0]?.name)
    // With Django's format alone some cannot be.
    if (isPossible(env)) t.is(choiceOf(readConfig({ NODE_ENV: 'test', SECRET_KEY: TEST_SECRET, ...env })), name)
  }
  t.deepEqual([...chosen].sort(), engines.map(({ name }) => name).sort())
})

test('recommendations follow from the figures, the fastest first', async (t) => {
  const measured = readMeasured()
  if (measured === undefined) return t.fail('docs/measured.json cannot be read')
  const first = (text: string, want: string) => new RegExp(`^\\| ${want} \\| ([^(|]+) \\(`, 'm').exec(text)?.[1]
  for (const choice of await readChoices()) {
    const candidate = choice.measured[0]?.candidate
    if (figuresOf(measured, candidate) === undefined) continue
    const results = measured.results.map((one) => (one.candidate === candidate ? { ...one, ratio: 0.9 } : one))
    const text = await choosingAnEngine({ ...measured, results })
    t.is(first(text, 'the fastest reads'), choice.name)
    t.is(first(text, 'the fastest changes'), choice.name)
  }
})

test('candidates with wrong answers or without a measurement have no figures, nor has an invalid file', async (t) => {
  const result = { kind: 'none', p99: 1, ratio: 0.5, wrong: {} }
  const kinds = (candidate: string) => ['none', 'read', 'change'].map((kind) => ({ ...result, candidate, kind }))
  const wrong = kinds('wrong').map((one) => ({
    ...one,
    wrong: one.kind === 'change' ? { 'a change not saved': 1 } : {},
  }))
  const measured = { results: [...kinds('right'), ...wrong] } as unknown as Measured
  t.like(figuresOf(measured, 'right'), { read: 0.5, p99Change: 1 })
  t.is(figuresOf(measured, 'wrong'), undefined)
  t.is(figuresOf(measured, 'left out'), undefined)
  const unclean = measured.results.map((one) => ({ ...one, clean: false }))
  t.is(figuresOf({ ...measured, results: unclean }, 'right'), undefined)
  t.regex(speedPlot({ ...measured, results: unclean }, await readChoices()), /Nothing has been measured yet/)
  t.is(readMeasured('docs/no-such-file.json'), undefined)
  t.is(readMeasured('README.md'), undefined)
  t.regex(await choosingAnEngine(undefined), /There are no figures yet/)
})
