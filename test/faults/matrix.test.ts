import test from 'ava'
import { SkippedError } from './matrix/cell.ts'
import { FAULTS } from './matrix/faults.ts'
import { breachesOf, HEAD, rowText } from './matrix/rows.ts'
import { runCell } from './matrix/run.ts'
import { missingFor, SET_UPS } from './matrix/set-ups.ts'

console.log(HEAD)

for (const setUp of SET_UPS) {
  for (const fault of FAULTS) {
    if (setUp.faults === 'some' && fault.everywhere !== true) continue
    const title = `${setUp.name}, ${fault.name}: ${fault.title}`
    const missing = missingFor(setUp) ?? fault.without?.(setUp)
    if (missing !== undefined) {
      test.skip(`${title} (${missing})`, () => {})
      continue
    }
    test(title, async (t) => {
      const row = await runCell(setUp, fault).catch((error: unknown) => {
        if (error instanceof SkippedError) return error
        throw error
      })
      if (row instanceof SkippedError) {
        t.log(`skipped: ${row.message}`)
        return t.pass()
      }
      console.log(rowText(row))
      t.deepEqual(breachesOf(row), [])
    })
  }
}
