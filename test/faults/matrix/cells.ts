import test from 'ava'
import { type Fault, SkippedError } from './cell.ts'
import { breachesOf, HEAD, rowText } from './rows.ts'
import { runCell } from './run.ts'
import { missingFor, type SetUp } from './set-ups.ts'
import { closeSites } from './site.ts'

const MAX_WAIT_MS = 1_800_000

/** Registers a test for each of these faults at each of these set-ups that has it; each prints its row. */
export function testCells(setUps: readonly SetUp[], faults: readonly Fault[]): void {
  console.log(HEAD)
  test.after.always(closeSites)
  for (const setUp of setUps) {
    for (const fault of faults) if (setUp.faults === 'all' || fault.everywhere) testCell(setUp, fault)
  }
}

function testCell(setUp: SetUp, fault: Fault): void {
  const title = `${setUp.name}, ${fault.name}: ${fault.title}`
  const missing = missingFor(setUp) ?? fault.without?.(setUp)
  if (missing !== undefined) {
    test.skip(`${title} (${missing})`, () => {})
    return
  }
  test(title, async (t) => {
    // Most of it is spent waiting for other cells.
    t.timeout(MAX_WAIT_MS)
    try {
      const row = await runCell(setUp, fault)
      console.log(rowText(row))
      const breaches = breachesOf(row)
      for (const { sentence, allowed } of breaches) if (allowed !== undefined) t.log(`${sentence} (${allowed})`)
      const forbidden = breaches.filter(({ allowed }) => allowed === undefined)
      t.deepEqual(
        forbidden.map(({ sentence }) => sentence),
        [],
      )
    } catch (error) {
      if (!(error instanceof SkippedError)) throw error
      console.log(`${setUp.name}, ${fault.name} was skipped: ${error.message}`)
      t.pass()
    }
  })
}
