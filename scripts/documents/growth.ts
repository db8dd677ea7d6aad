import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { projectRoot } from '../../src/paths.ts'
import { table, wrapped } from './text.ts'

const row = z.object({
  candidate: z.string(),
  at: z.number(),
  figures: z.record(z.string(), z.number().nullable()),
  wrong: z.number(),
  clean: z.boolean(),
})

const question = z.object({
  about: z.string(),
  unit: z.string(),
  date: z.iso.datetime(),
  machine: z.object({ node: z.string(), processor: z.string(), cores: z.number() }),
  seconds: z.number(),
  rows: z.array(row),
})

const report = z.object({ questions: z.record(z.string(), question) })

/** The results of `npm run bench -- growth`. */
export type Growth = z.infer<typeof report>

type Row = z.infer<typeof row>

/** The report; undefined if it is missing or invalid. */
export function readGrowth(file = join(projectRoot, 'docs', 'growth.json')): Growth | undefined {
  try {
    return report.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

const BEGIN = '<!-- measured -->'
const END = '<!-- end of measured -->'

/**
 * `docs/scaling.md` with the figures of these engines between its two marks.
 *
 * @throws Error if the marks are missing
 */
export function withFigures(text: string, growth: Growth | undefined, engines: readonly string[]): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/scaling.md needs the marks ${BEGIN} and ${END}.`)
  return `${text.slice(0, from + BEGIN.length)}\n\n${figures(growth, [...engines, ...WITHOUT_ENGINE])}\n\n${text.slice(to)}`
}

// Bare Koa, and the store that no setting names.
const WITHOUT_ENGINE = ['koa', 'memory']

function figures(growth: Growth | undefined, engines: readonly string[]): string {
  const questions = Object.entries(growth?.questions ?? {}).flatMap(([name, asked]) => {
    // A candidate's name begins with that of its engine.
    const rows = asked.rows.filter(({ candidate }) => engines.includes(candidate.split('-', 1)[0] ?? ''))
    return rows.length === 0 ? [] : [[name, { ...asked, rows }] as const]
  })
  if (questions.length === 0) return 'Nothing has been measured yet.'
  const ofEngines = { questions: Object.fromEntries(questions) }
  return [...capacity(ofEngines), ...questions.flatMap(([, asked]) => measured(asked))].join('\n\n')
}

// A small session; without a server the disk or the process itself is the limit.
const SMALL = 300
const NAMES: Readonly<Record<string, string>> = {
  db: 'db on SQLite',
  'db-postgresql': 'db on PostgreSQL',
  'db-mariadb': 'db on MariaDB',
  'cache-redis': 'cache on Redis',
  cached_db: 'cached_db on SQLite and Redis',
}

function capacity({ questions }: Growth): string[] {
  const rows = (questions['size']?.rows ?? []).filter((one) => one.at === SMALL && isValid(one)).flatMap(capacityOf)
  if (rows.length === 0) return []
  const titles = [
    'Reads',
    'Changes',
    'Reads',
    'Changes',
    'Cores of the application for one of the server, reads',
    'changes',
  ]
  return [
    '### Capacity',
    wrapped(
      '**Derived, not measured:** one second of a core, divided by the CPU time of one request in the application, and in the database or cache server. Several processes and machines were not measured together, and neither were networks, disks and locks; plan with half of it. Until the server is busy, each core that runs the application adds as much as the first.',
    ),
    table(
      [
        'Engine',
        ...titles.map((title, index) =>
          index < 2 ? `${title}/s of an application core` : index < 4 ? `${title}/s of a server core` : title,
        ),
      ],
      rows,
      '---:',
    ),
    wrapped(
      '**Derived:** on PostgreSQL, machines are added until the cores of its server are in use, so its line is the limit of the whole site: put a cache in front, give sessions a separate server, or move them to Redis. A Redis server uses one core for commands, so its line is the limit of one server; a Redis Cluster has that many times the number of its masters, as each script uses a single key and keys are spread evenly. One session is always on one master: the hot session below does not become faster.',
    ),
  ]
}

function capacityOf({ candidate, figures }: Row): string[][] {
  const [read, change] = [figures['read CPU µs'], figures['change CPU µs']]
  if (!read || !change) return []
  const [serverRead, serverChange] = [figures['read, server µs'], figures['change, server µs']]
  return [
    [
      NAMES[candidate] ?? candidate,
      ...[read, change, serverRead, serverChange].map(perSecond),
      serverRead ? (read / serverRead).toFixed(1) : '–',
      serverChange ? (change / serverChange).toFixed(1) : '–',
    ],
  ]
}

function perSecond(microseconds: number | null | undefined): string {
  return microseconds ? rounded(1_000_000 / microseconds) : '–'
}

function measured({ about, unit, date, machine, seconds, rows }: z.infer<typeof question>): string[] {
  const titles = Object.keys(rows[0]?.figures ?? {})
  const lines = rows.map((one) => [
    one.candidate,
    rounded(one.at),
    ...titles.map((title) => (isValid(one) ? written(one.figures[title]) : '–')),
  ])
  return [
    `### ${about}`,
    table(['', unit, ...titles], lines, '---:'),
    wrapped(
      `Measured on ${date.slice(0, 10)}: ${seconds} s for each figure; Node ${machine.node}, ${machine.processor}, ${machine.cores} cores. A dash: not measured, or the machine had other work.`,
    ),
  ]
}

function isValid({ clean, wrong }: Row): boolean {
  return clean && wrong === 0
}

function written(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  return Math.abs(value) < 100 ? value.toFixed(1) : rounded(value)
}

/** Two digits that count, as the figures do not have more. */
function rounded(value: number): string {
  return Number(value.toPrecision(value >= 100_000 ? 3 : 2)).toLocaleString('en')
}
