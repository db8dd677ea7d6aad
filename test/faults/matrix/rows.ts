import type { Row } from './cell.ts'
import { allowed, type Limit } from './exceptions.ts'

const MAX_SENTENCES = 3
const MAX_RECOVERY_SECONDS = 5

const COLUMNS = [
  'ops',
  'acked',
  'unknown',
  'failed',
  'lost',
  'resurrected',
  'crossed',
  'doubled',
  'torn',
  'unhandled',
  'p99 ms',
  'recovery s',
]

/** The head of the table, to be printed once. */
export const HEAD = line(['set-up', 'fault'], COLUMNS)

/** A row of the table. */
export function rowText({ setUp, fault, operations, acknowledged, unknown, failed, verdict, ...row }: Row): string {
  const { lost, resurrected, crossed, doubled, torn } = verdict
  const found = [lost, resurrected, crossed, doubled, torn].map(({ length }) => length)
  const numbers = [operations, acknowledged, unknown, failed, ...found, row.unhandled]
  return line([setUp, fault], [...numbers.map(String), row.p99.toFixed(), row.recovery.toFixed(2)])
}

/** What breaks the gate in a row: with the reason where that is an exception. */
export function breachesOf(row: Row): { readonly sentence: string; readonly allowed: string | undefined }[] {
  const { verdict, unhandled, recovery, p99, maxP99, complaints, setUp, fault } = row
  const found: [Limit['kinds'][number], readonly string[]][] = [
    ['lost', verdict.lost],
    ['resurrected', verdict.resurrected],
    ['crossed', verdict.crossed],
    ['doubled', verdict.doubled],
    ['torn', verdict.torn],
    ['unhandled', unhandled > 0 ? [`${unhandled} errors that nobody handled`] : []],
    ['recovery', recovery > MAX_RECOVERY_SECONDS ? [`it took ${recovery} s`] : []],
    ['slow', p99 > maxP99 ? [`p99 is ${p99.toFixed()} ms`] : []],
    ['complaint', complaints],
  ]
  return found
    .filter(([, sentences]) => sentences.length > 0)
    .map(([kind, sentences]) => {
      const sentence = `${kind}: ${sentences.slice(0, MAX_SENTENCES).join('; ')}`
      return { sentence, allowed: allowed(setUp, fault, kind) }
    })
}

function line([setUp = '', fault = '']: readonly string[], cells: readonly string[]): string {
  const widths = COLUMNS.map(({ length }) => Math.max(length, 4))
  return [setUp.padEnd(25), fault.padEnd(4), ...cells.map((cell, n) => cell.padStart(widths[n] ?? 0))].join('  ')
}
