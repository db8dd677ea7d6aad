import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { projectRoot } from '../../src/paths.ts'

const range = z.tuple([z.number(), z.number()])

const result = z.object({
  candidate: z.string(),
  kind: z.string(),
  p99: z.number().nullable(),
  ratio: z.number().nullable(),
  // Of reports from before these were measured.
  spread: z.object({ ratio: range.nullable() }).optional(),
  clean: z.boolean().default(true),
  wrong: z.record(z.string(), z.number()),
})

const report = z.object({
  date: z.iso.datetime(),
  machine: z.object({ node: z.string(), processor: z.string(), cores: z.number() }),
  rounds: z.number(),
  seconds: z.number(),
  /** Seconds of requests right before each measurement. */
  warmUp: z.number(),
  sessions: z.number(),
  connections: z.number(),
  results: z.array(result),
})

/** The results of `npm run bench` that the document uses. */
export type Measured = z.infer<typeof report>

/** One candidate. Shares are of bare Koa's requests per second; times are milliseconds. */
export interface Figures {
  readonly none: number
  readonly read: number
  readonly change: number
  readonly p99Read: number
  readonly p99Change: number
  /** The least and the greatest share of the rounds; null in reports without it. */
  readonly rangeRead: readonly [number, number] | null
  readonly rangeChange: readonly [number, number] | null
}

/** The report of the benchmark; undefined if it is missing or invalid. */
export function readMeasured(file = join(projectRoot, 'docs', 'measured.json')): Measured | undefined {
  try {
    return report.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** The figures of a candidate; undefined if it was left out, gave wrong answers, or the machine had other work. */
export function figuresOf(measured: Measured | undefined, candidate: string | undefined): Figures | undefined {
  const find = (kind: string) => {
    const found = measured?.results.find((one) => one.candidate === candidate && one.kind === kind)
    if (found === undefined || found.clean === false || Object.keys(found.wrong).length > 0) return undefined
    if (found.ratio === null || found.p99 === null) return undefined
    return { share: found.ratio, p99: found.p99, range: found.spread?.ratio ?? null }
  }
  const [none, read, change] = [find('none'), find('read'), find('change')]
  if (none === undefined || read === undefined || change === undefined) return undefined
  return {
    none: none.share,
    read: read.share,
    change: change.share,
    p99Read: read.p99,
    p99Change: change.p99,
    rangeRead: read.range,
    rangeChange: change.range,
  }
}
