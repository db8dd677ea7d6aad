import { join } from 'node:path'
import test from 'ava'
import nunjucks from 'nunjucks'
import { drawChart } from '../../../src/features/operations/chart.ts'
import { Dashboard } from '../../../src/features/operations/dashboard.ts'
import { evaluate, FIGURES, MIN_EVENTS, quantile } from '../../../src/features/operations/figures.ts'
import { formats } from '../../../src/features/operations/formats.ts'
import { Metrics } from '../../../src/features/operations/metrics.ts'
import { RecentSecurityEvents } from '../../../src/features/operations/recent-security.ts'
import { Samples } from '../../../src/features/operations/samples.ts'
import { serverPart } from '../../../src/features/operations/server-part.ts'
import { SessionCounter } from '../../../src/features/operations/session-counter.ts'
import { projectRoot } from '../../../src/paths.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { DEFAULT_DISPLAY } from '../../../src/web/display.ts'
import { knownLanguage } from '../../../src/web/languages.ts'
import { testOn } from '../../storage/present.ts'
import { translations } from '../../support/translations.ts'
import { appFor } from './steps.ts'

const COPIES = { SESSION_ENGINE: 'cached_db' }
const german = knownLanguage('de')

const EVERY = 10_000
const english = translations('en')

/** The figures of an application, with a clock that the test controls. */
async function watched(t: Parameters<typeof appFor>[0], keep = 60) {
  const { services } = await appFor(t, COPIES)
  const clock = { now: Date.UTC(2026, 0, 2, 3, 4) }
  const metrics = new Metrics(services)
  const samples = new Samples({ counts: () => metrics.counts(), keep, now: () => clock.now })
  const sessionCounter = new SessionCounter(services.store, () => clock.now)
  const security = new RecentSecurityEvents()
  const dashboard = new Dashboard({ services, metrics, samples, sessionCounter, security })
  const tick = async (hits: number, misses: number, after = EVERY) => {
    for (let n = 0; n < hits; n++) metrics.observe({ type: 'cache', outcome: 'hit' })
    for (let n = 0; n < misses; n++) metrics.observe({ type: 'cache', outcome: 'miss' })
    clock.now += after
    await samples.take()
  }
  await samples.take()
  return { clock, dashboard, metrics, samples, tick }
}

test('a value equal to a level is still good, beyond it is not', (t) => {
  for (const figure of FIGURES) {
    const { bad, target, alert } = figure
    const beyond = (level: number) => level + (bad === 'above' ? 0.001 : -0.001)
    const state = (value: number, events = MIN_EVENTS) => evaluate(figure, { value, events })
    const states = [target, beyond(target), alert, beyond(alert)].map((value) => state(value))
    t.deepEqual(states, ['good', 'missed', 'missed', 'alert'], figure.id)
    t.deepEqual([state(beyond(alert), MIN_EVENTS - 1), state(beyond(alert), 0)], ['few', 'none'], figure.id)
  }
})

test('a quantile is interpolated between the bounds, as in Prometheus', (t) => {
  const bounds = [0.1, 0.2, 0.5]
  t.is(quantile(0.95, [0, 0, 0, 0], bounds), 0)
  t.is(quantile(0.5, [10, 10, 10, 10], bounds), 0.05)
  t.is(quantile(0.95, [95, 100, 100, 100], bounds), 0.1)
  t.is(Math.round(quantile(0.95, [90, 100, 100, 100], bounds) * 1000), 150)
  t.is(quantile(0.99, [0, 0, 0, 7], bounds), 0.5, 'nobody knows how far beyond the last bound')
})

test('a chart connects points, leaves gaps, and stays inside its box', (t) => {
  const frame = { from: 0, to: 100, every: 10, target: 2, alert: 4, top: 5 }
  t.like(drawChart([{ at: 0, value: undefined }], frame), { paths: [], marks: [], top: 5, range: undefined })
  const points = [
    [0, 0],
    [10, 8.5],
    [20, undefined],
    [30, 1],
    [70, 2],
    [80, 3],
  ] as const
  const chart = drawChart(
    points.map(([at, value]) => ({ at, value })),
    frame,
  )
  t.deepEqual(
    chart.paths.map((path) => path.split('L').length),
    [2, 1, 2],
  )
  t.like(chart, { range: [0, 8.5], top: 9 }, 'the axis ends at a short number')
  t.is(drawChart([{ at: 0, value: 1 }], frame).top, 5, 'and at this one at least')
  t.deepEqual(
    chart.marks.map(({ x, value }) => [x, value]),
    [
      [0, 0],
      [10, 8.5],
      [30, 1],
      [70, 2],
      [80, 3],
    ],
    'every value can be pointed at',
  )
  t.true(chart.alert < chart.target, 'worse is higher')
  for (const [, x, y] of chart.paths.join('').matchAll(/[ML]([\d.]+) ([\d.]+)/g)) {
    t.true(Number(x) >= 0 && Number(x) <= 100 && Number(y) >= 0 && Number(y) <= 100, `${x} ${y}`)
  }
})

testOn(COPIES)('only the last ten minutes are kept', async (t) => {
  const { clock, samples, tick } = await watched(t, 3)
  const begin = clock.now
  t.deepEqual((await samples.recent()).since, begin)
  await tick(5, 0)
  await tick(7, 1)
  t.deepEqual(
    samples.intervals().map(({ counts }) => counts?.hits),
    [5, 7],
  )
  t.like(await samples.recent(), { since: begin, counts: { hits: 12, misses: 1 } })
  for (let n = 0; n < 3; n++) await tick(1, 0)
  t.is(samples.intervals().length, 3)
  t.like(await samples.recent(), { since: begin + 2 * EVERY, counts: { hits: 3, misses: 0 } })
})

testOn(COPIES)('after a process was suspended there is a gap, and older figures are not recent', async (t) => {
  const { clock, samples, tick } = await watched(t, 3)
  await tick(5, 0)
  await tick(9, 0, 60_000)
  t.deepEqual(
    samples.intervals().map(({ counts }) => counts?.hits),
    [5, undefined],
  )
  t.like(await samples.recent(), { since: clock.now, counts: { hits: 0 } })
})

testOn(COPIES)('a chart has a text alternative, and a table has all its values', async (t) => {
  const { dashboard, tick } = await watched(t)
  const before = await dashboard.view(DEFAULT_DISPLAY, english)
  t.like(
    before.cards.find(({ id }) => id === 'hits')?.chart,
    { label: 'No data', paths: [], to: '03:04' },
    'only axes yet',
  )
  t.deepEqual([before.idle, before.table], [true, []])
  await tick(90, 10)
  await tick(0, 0)
  await tick(60, 40)
  const { cards, columns, table } = await dashboard.view(DEFAULT_DISPLAY, english)
  const card = cards.find(({ id }) => id === 'hits')
  t.is(card?.chart.label, 'The last ten minutes: between 60% and 90%.')
  t.is(card?.chart.paths.length, 2, 'nothing asked for is a gap, not a zero')
  const column = columns.indexOf('Cache hit ratio')
  t.deepEqual(
    table.map(({ clock, values }) => [clock, values[column]]),
    [
      ['03:04:30', '60%'],
      ['03:04:20', '–'],
      ['03:04:10', '90%'],
    ],
  )
  const views = new nunjucks.Environment(new nunjucks.FileSystemLoader(join(projectRoot, 'views')))
  const macro = '{% import "operations/parts.njk" as parts %}{{ parts.card(card) }}'
  const html = views.renderString(macro, { card })
  t.regex(html, /<svg class="chart-plot"[^>]* role="img" aria-label="The last ten minutes: between 60% and 90%\."/)
  t.regex(html, /<span>100%<\/span><span>0%<\/span>/, 'the axis of values')
  t.regex(html, /<span>02:54<\/span><span>03:04<\/span>/, 'the axis of time')
  t.deepEqual(
    [...html.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text]) => text),
    ['03:04:10: 90%', '03:04:30: 60%'],
    'values to point at',
  )
  t.regex(html, /<svg class="mark mark-missed"[^>]* aria-hidden="true"/)
  t.regex(html, /<span>Target missed<\/span>/, 'the colour is never all there is')
})

if (german !== undefined) {
  testOn(COPIES)('the dashboard is in German, with German number formats', async (t) => {
    const { dashboard, tick } = await watched(t)
    await tick(601, 399)
    const { cards, overall } = await dashboard.view({ ...DEFAULT_DISPLAY, language: german }, translations(german))
    t.is(overall.text, 'Jetzt handeln: Cache-Treffer.')
    t.like(
      cards.find(({ id }) => id === 'hits'),
      {
        value: '60,1\u00a0%',
        levels: 'Ziel: mindestens 80\u00a0%. Alarm: unter 70\u00a0%.',
        stateLabel: 'Alarm',
      },
    )
  })
}

testOn(COPIES)('the queue and the state of the cache are rated as well', async (t) => {
  const { services: opened } = await appFor(t, COPIES)
  // write_behind needs a Redis, but its figures do not.
  const services = { ...opened, facts: { ...opened.facts, writesBehind: true } }
  const metrics = new Metrics(services)
  const samples = new Samples({ counts: () => metrics.counts() })
  const sessionCounter = new SessionCounter(services.store)
  const dashboard = new Dashboard({ services, metrics, samples, sessionCounter, security: new RecentSecurityEvents() })
  for (const [waiting, state] of [
    [0, 'good'],
    [100, 'good'],
    [101, 'missed'],
    [500, 'missed'],
    [501, 'alert'],
  ] as const) {
    metrics.observe({ type: 'write-behind', waiting })
    const { tiles } = await dashboard.view(DEFAULT_DISPLAY, english)
    t.is(tiles.find(({ id }) => id === 'waiting')?.state, state, String(waiting))
    t.like(
      tiles.find(({ id }) => id === 'cache'),
      { state: 'good', value: 'up' },
    )
  }
  await services.cache?.close()
  for (let n = 0; n < 3; n++) await t.throwsAsync(async () => await services.cache?.ping())
  const { tiles, overall } = await dashboard.view(DEFAULT_DISPLAY, english)
  t.like(
    tiles.find(({ id }) => id === 'cache'),
    { state: 'alert', value: 'down' },
  )
  t.regex(overall.text, /State of the cache/)
})

test('bytes, durations and figures of servers are in units that people read', (t) => {
  const format = formats(DEFAULT_DISPLAY, () => 1_000_000)
  t.deepEqual([0, 999, 1500, 158_400_000, 2_500_000_000].map(format.bytes), [
    '0\u00a0B',
    '999\u00a0B',
    '1.5\u00a0kB',
    '158\u00a0MB',
    '2.5\u00a0GB',
  ])
  t.deepEqual([0.5, 94, 1400, 61_000].map(format.milliseconds), [
    '0.5\u00a0ms',
    '94\u00a0ms',
    '1.4\u00a0s',
    '61\u00a0s',
  ])
  t.deepEqual([59, 3600, 300_000].map(format.duration), ['59 seconds', '1 hour', '3 days'])
  t.deepEqual([1_000_000, 875_000].map(format.ago), ['now', '2 min. ago'])
  const server = { up: true, slabs: [], slowCommands: [] }
  const redis = { uptime_seconds: 90_000, used_memory: 1_234_567, max_memory: 0, keys: 12, hits: 3, misses: 1, time: 5 }
  t.deepEqual(
    serverPart({ ...server, figures: redis }, format, english).rows.map(({ label, value }) => `${label}: ${value}`),
    ['In use: 1.2\u00a0MB', 'Entries: 12', 'Hits: 75%', 'Up for: 1 day'],
  )
  const memcached = { uptime: 60, bytes: 500, max_bytes: 64_000_000, items: 1, hits: 0, misses: 0, out_of_memory: 2 }
  t.deepEqual(
    serverPart({ ...server, figures: memcached }, format, english).rows.map(({ label, value }) => `${label}: ${value}`),
    ['In use: 500\u00a0B of 64\u00a0MB', 'Entries: 1', 'Hits: –', 'Refused for lack of memory: 2', 'Up for: 1 minute'],
  )
})

test('sessions are counted once for all viewers, less often if that is slow, and again after a failure', async (t) => {
  const clock = { now: 0 }
  let [counts, takes, fails] = [0, 0, false]
  class Slow extends MemoryStore {
    override async statistics() {
      counts++
      clock.now += takes
      if (fails) throw new StoreUnavailableError()
      const none = { underDay: 0, underWeek: 0, overWeek: 0 }
      return { total: 1, live: 1, expired: 0, authenticated: 0, ages: { expired: 0, ...none }, largest: [] }
    }
  }
  const reading = Object.assign(new Slow(), { countsByReading: true })
  t.deepEqual(await new SessionCounter(reading, () => clock.now).get(), { state: 'impossible' })
  t.is(counts, 0, 'reading every session is left to the command')
  const counting = new SessionCounter(new Slow(), () => clock.now)
  await Promise.all([counting.get(), counting.get(), counting.get()])
  t.like(await counting.get(), { state: 'known', statistics: { live: 1 } })
  t.is(counts, 1)
  ;[clock.now, takes] = [10_000, 5_000]
  await counting.get()
  clock.now += 99_000
  await counting.get()
  t.is(counts, 2, 'a count of 5 s is worth 100 s of rest')
  ;[clock.now, takes, fails] = [clock.now + 1_000, 0, true]
  t.deepEqual(await counting.get(), { state: 'failed' })
  ;[clock.now, fails] = [clock.now + 10_000, false]
  t.like(await counting.get(), { state: 'known' })
  t.deepEqual(await new SessionCounter(undefined).get(), { state: 'impossible' })
})
