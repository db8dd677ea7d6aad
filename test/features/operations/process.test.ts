import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import { appWithNotes, signIn } from '../../support/notes-steps.ts'
import { OPERATIONS, type Scrape, scrape } from './steps.ts'

interface Figures {
  readonly process: { resident: number; heapUsed: number; delay?: { p99: number; max: number } }
}

/** The next scrape in which the event loop has been measured. */
async function measured(app: Parameters<typeof scrape>[0], wanted: (found: Scrape) => boolean): Promise<Scrape> {
  for (;;) {
    const found = await scrape(app)
    if (wanted(found)) return found
    await pause(20)
  }
}

test('memory and event-loop delay of the process are in the metrics and on the dashboard', async (t) => {
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

  const staff = app.browser()
  await signIn(staff, 'ada')
  const { process } = (await staff.json('GET', OPERATIONS)).json<Figures>()
  t.true(process.resident > process.heapUsed)
  t.true((process.delay?.max ?? 0) >= blockedMs / 2)
  const page = (await staff.get(OPERATIONS)).text
  t.regex(page, /<dt>Memory<\/dt><dd>[\d,]+.MB<\/dd>/)
  t.regex(page, /<dt>Longest delay<\/dt><dd>[\d,.]+.ms<\/dd>/)
  const german = (await staff.get(OPERATIONS, { 'accept-language': 'de' })).text
  t.regex(german, /<dt>Arbeitsspeicher<\/dt><dd>[\d.]+.MB<\/dd>/)
})
