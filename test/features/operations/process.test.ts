import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { knownLanguage } from '../../../src/web/languages.ts'
import { appWithNotes, signIn } from '../../support/notes-steps.ts'
import { OPERATIONS, type Scrape, scrape } from './steps.ts'

interface Figures {
  readonly process: {
    resident: number
    heapUsed: number
    delay?: { p99: number; max: number }
    collection: { share: number; longest: number }
  }
}

/** The next scrape in which the event loop has been measured. */
async function measured(app: Parameters<typeof scrape>[0], wanted: (found: Scrape) => boolean): Promise<Scrape> {
  for (;;) {
    const found = await scrape(app)
    if (wanted(found)) return found
    await pause(20)
  }
}

test('memory, event-loop delay and garbage collection of the process are in the metrics and on the dashboard', async (t) => {
  const app = await appWithNotes(t)
  const longest = ({ value }: Scrape) => value('holdfast_event_loop_delay_seconds', { quantile: '1' })
  await measured(app, (found) => longest(found) !== undefined)
  const blockedMs = 400
  const end = performance.now() + blockedMs
  while (performance.now() < end);
  const found = await measured(app, (one) => (longest(one) ?? 0) >= blockedMs / 2000)
  t.true((found.value('holdfast_event_loop_delay_seconds', { quantile: '0.99' }) ?? -1) >= 0)
  const memory = (kind: string) => found.value('holdfast_process_memory_bytes', { kind }) ?? 0
  t.true(memory('resident') > memory('heap_used') && memory('heap_used') > 1_000_000)

  const collected = ({ value }: Scrape) => value('holdfast_process_gc_seconds_total') ?? 0
  const before = collected(found)
  const garbage: object[] = []
  await measured(app, (one) => {
    for (let n = 0; n < 100_000; n++) garbage.push({ n })
    garbage.length = 0
    return collected(one) > before
  })

  const staff = app.browser()
  await signIn(staff, 'ada')
  const { process } = (await staff.json('GET', OPERATIONS)).json<Figures>()
  t.true(process.resident > process.heapUsed)
  t.true((process.delay?.max ?? 0) >= blockedMs / 2)
  t.true(process.collection.longest > 0 && process.collection.share > 0 && process.collection.share < 1)
  const page = (await staff.get(OPERATIONS)).text
  t.regex(page, /<dt>Memory<\/dt>\s*<dd[^>]*><b>[\d,]+.[MG]B<\/b>/)
  t.regex(page, /Longest: [\d,.]+.m?s\./)
  t.regex(page, /<dt>Garbage collection<\/dt>\s*<dd[^>]*><b>[\d.]+%<\/b>/)
  if (knownLanguage('de') === undefined) return
  const german = (await staff.get(OPERATIONS, { 'accept-language': 'de' })).text
  t.regex(german, /<dt>Arbeitsspeicher<\/dt>\s*<dd[^>]*><b>[\d.]+.[MG]B<\/b>/)
})
