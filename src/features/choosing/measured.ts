import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { projectRoot } from '../../paths.ts'
import { VARIANTS } from './variants.ts'

const result = z.object({
  candidate: z.string(),
  kind: z.string(),
  p99: z.number(),
  ratio: z.number().nullable(),
  wrong: z.record(z.string(), z.number()),
})

const report = z.object({
  date: z.iso.datetime(),
  machine: z.object({ node: z.string(), processor: z.string(), cores: z.number() }),
  rounds: z.number(),
  seconds: z.number(),
  sessions: z.number(),
  connections: z.number(),
  results: z.array(result),
})

/** What `npm run bench` found, as far as it is told here. */
export type Measured = z.infer<typeof report>

/** The figures of one candidate. Shares are of bare Koa's requests per second; times are milliseconds. */
export interface Figures {
  readonly candidate: string
  readonly name: string
  readonly none: number
  readonly read: number
  readonly change: number
  readonly p99Read: number
  readonly p99Change: number
}

/** The benchmark's own file, from which every figure is taken. */
export const MEASURED_FILE = join(projectRoot, 'docs', 'measured.json')

/** The benchmark's report; undefined where there is none, or none that can be read. */
export function readMeasured(file = MEASURED_FILE): Measured | undefined {
  try {
    return report.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

const BESIDE = [
  { candidate: 'koa', name: 'Koa without sessions' },
  { candidate: 'koa-session', name: 'koa-session, in its cookie' },
]

/** A line for each candidate that was measured and answered rightly, in the order of the variants. */
export function figuresOf(measured: Measured | undefined): Figures[] {
  if (measured === undefined) return []
  return [...VARIANTS.flatMap((variant) => variant.measured), ...BESIDE].flatMap(({ candidate, name }) => {
    const find = (kind: string) => measured.results.find((one) => one.candidate === candidate && one.kind === kind)
    const [none, read, change] = [share(find('none')), share(find('read')), share(find('change'))]
    const [p99Read, p99Change] = [find('read')?.p99, find('change')?.p99]
    if (none === undefined || read === undefined || change === undefined) return []
    if (p99Read === undefined || p99Change === undefined) return []
    return [{ candidate, name, none, read, change, p99Read, p99Change }]
  })
}

function share(found: z.infer<typeof result> | undefined): number | undefined {
  return found === undefined || Object.keys(found.wrong).length > 0 ? undefined : (found.ratio ?? undefined)
}
