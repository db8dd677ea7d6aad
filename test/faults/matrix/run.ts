import { availableParallelism } from 'node:os'
import type { Owner } from '../../support/project.ts'
import { Cell, type Fault, type Row } from './cell.ts'
import { Lanes } from './lanes.ts'
import type { SetUp } from './set-ups.ts'
import { openSite } from './site.ts'

interface Wanted {
  readonly fault: Fault
  readonly resolve: (row: Row) => void
  readonly reject: (error: unknown) => void
}

const MAX_AT_ONCE = Math.max(2, Math.min(4, availableParallelism()))
const setUpsAtOnce = new Lanes(MAX_AT_ONCE)
const cellsAtOnce = new Lanes(MAX_AT_ONCE)
const wanted = new Map<SetUp, Wanted[]>()

/**
 * Runs a cell of the matrix. The servers and processes of a set-up are started once, for all cells that are wanted in the
 * same turn of the event loop; these follow each other, beside those of another set-up.
 */
export function runCell(setUp: SetUp, fault: Fault): Promise<Row> {
  return new Promise((resolve, reject) => {
    const cells = wanted.get(setUp) ?? []
    cells.push({ fault, resolve, reject })
    if (wanted.has(setUp)) return
    wanted.set(setUp, cells)
    setImmediate(() => void setUpsAtOnce.run(() => runAll(setUp, cells)))
  })
}

async function runAll(setUp: SetUp, cells: readonly Wanted[]): Promise<void> {
  const closing: (() => Promise<void>)[] = []
  const owner: Owner = { teardown: (work) => void closing.unshift(work) }
  try {
    const site = await openSite(owner, setUp)
    for (const { fault, resolve, reject } of cells) {
      const run = () => new Cell(site, fault).run(fault)
      await cellsAtOnce.run(run, { alone: fault.alone === true }).then(resolve, reject)
    }
  } catch (error) {
    for (const { reject } of cells) reject(error)
  } finally {
    for (const close of closing) await close().catch((error: unknown) => console.error(error))
  }
}
