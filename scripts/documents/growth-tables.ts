import { type Growth, isValid, nameOf, type Question, type Row, rounded } from './growth-report.ts'
import { table, wrapped } from './text.ts'

/** One table: a row for each engine, and a column for each step. */
interface View {
  readonly title: string
  /** The figures of a cell, one after the other. */
  readonly figures: readonly string[]
  /** Only steps from here. */
  readonly from?: number
}

interface Text {
  readonly views: readonly View[]
  /** The shape, and its reason. */
  readonly why: string
}

const RATES: View = { title: 'Reads / changes per second', figures: ['read/s', 'change/s'] }

const TEXTS: Readonly<Record<string, Text>> = {
  stored: {
    views: [
      RATES,
      { title: 'Sessions created per second, up to so many', figures: ['created/s'], from: 100_000 },
      { title: 'Seconds to clear 100,000 expired ones', figures: ['clear 100k s'], from: 100_000 },
    ],
    why: 'A request finds its session by the key. An index of a database has one more level for some hundred times as many rows, a hash table has none, and a folder of files is an index of the file system: the shape is flat as long as the index fits in memory. Reads of SQLite are slower among a million, probably because most pages are outside of its own cache of 2 MB and come from the system. Clearing deletes in batches of 1,000 with a pause of 20 ms, so 2 of the seconds are pauses, which leave the database to requests; the rest grows with the indexes from which each row is deleted.',
  },
  size: {
    views: [RATES],
    why: 'A request decrypts and parses the whole session, and a change also encrypts, sends and writes it: each byte is paid for. Below a few thousand bytes the fixed cost of a request is larger, so the shape is flat at first, and then a straight line.',
  },
  slices: {
    views: [RATES],
    why: 'A session is one record, whatever the number of its slices: they are read and written together. Slices that a page does not use cost their bytes.',
  },
  connections: {
    views: [RATES, { title: 'Milliseconds within which 99 of 100 reads are answered', figures: ['read p99 ms'] }],
    why: 'One connection waits for each answer, so the rate is that of a single trip. With more of them the rate rises until a core is busy (that of the application, or of the database), and requests of one turn of the event loop share commands and statements. From there on it rises no further, and requests queue: the time of an answer is the number of connections divided by the rate. With 128 it is between a half and all of its best, and with 1,024 between 0.19 and 0.56 of it: so many requests are in memory at once that garbage collection moves them to the memory of objects that live long (with `--min-semi-space-size=64 --max-semi-space-size=128` a read in memory took 0.6 of the CPU time), and keys are kept for 500 to 1,000 sessions only.',
  },
  hot: {
    views: [
      { title: 'Changes per second', figures: ['changes/s'] },
      { title: 'Milliseconds for the slowest 100', figures: ['slowest 100 ms'] },
      { title: 'Changes refused', figures: ['refused'] },
    ],
    why: 'Every change must see the one before, or it would be lost. So the saves of one session come one after the other, and where they leave the process the time of one save is the limit, not the number of cores, processes or machines. A counter that all visitors change belongs in the database, not in a session.',
  },
  memory: {
    views: [
      { title: 'Heap and buffers of the application, MiB', figures: ['heap MiB', 'buffers MiB'] },
      { title: 'Memory of the server, MiB', figures: ['server MiB'] },
      { title: 'Disk, MiB', figures: ['disk MiB'] },
    ],
    why: 'Memory is proportional to the sessions where they are in memory: in the application, or in Redis and Memcached. Otherwise the application keeps a bounded number of copies, and that of a database server is a pool of pages whose size is a setting. Differences of a few MiB are the garbage collector.',
  },
}

/** Each question with the shape of its answer, the reason and its tables. */
export function measuredGrowth({ questions }: Growth): string[] {
  return Object.entries(questions).flatMap(([name, question]) => {
    const text = TEXTS[name]
    return text === undefined ? [] : section(question, text)
  })
}

function section(question: Question, { views, why }: Text): string[] {
  const { about, date, machine, seconds } = question
  return [
    `### ${about}`,
    wrapped(why),
    ...tables(question, views),
    wrapped(
      `Measured on ${date.slice(0, 10)}: ${seconds} s for each figure after as long a warm-up; Node ${machine.node}, ${machine.processor}, ${machine.cores} cores. A dash: not measured, or the machine had other work. The speed of the machine changes: bare Koa's rate varied by more than a factor of two on the same day, so small differences mean nothing.`,
    ),
  ]
}

function tables({ unit, rows }: Question, views: readonly View[]): string[] {
  const steps = [...new Set(rows.map(({ at }) => at))].sort((one, other) => one - other)
  const engines = [...new Set(rows.map(({ candidate }) => candidate))]
  const at = (candidate: string, step: number) => rows.find((one) => one.candidate === candidate && one.at === step)
  // One step only: its figures are the columns.
  if (steps.length === 1) {
    const lines = engines.map((engine) => [
      nameOf(engine),
      ...views.map((view) => cell(at(engine, steps[0] ?? 0), view)),
    ])
    return [table(['Engine', ...views.map(({ title }) => title)], lines, '---:')]
  }
  return views.flatMap((view) => {
    const shown = steps.filter((step) => step >= (view.from ?? 0))
    const lines = engines
      .map((engine) => shown.map((step) => at(engine, step)))
      .filter((line) => line.some((row) => cell(row, view) !== NONE))
      .map((line) => [
        nameOf(line.find((row) => row !== undefined)?.candidate ?? ''),
        ...line.map((row) => cell(row, view)),
        shape(line, view),
      ])
    const titles = shown.map((step) => `${step.toLocaleString('en')} ${step === 1 ? unit.replace(/s$/, '') : unit}`)
    return lines.length === 0
      ? []
      : [`${view.title}:`, table(['Engine', ...titles, 'the last, of the first'], lines, '---:')]
  })
}

/** The last figures as a multiple of the first. */
function shape(line: readonly (Row | undefined)[], { figures }: View): string {
  const valid = line.filter((row) => row !== undefined && isValid(row))
  const [first, last] = [valid[0], valid.at(-1)]
  const ratios = figures.map((figure) => {
    const [from, to] = [first?.figures[figure], last?.figures[figure]]
    return !from || typeof to !== 'number' ? NONE : `× ${times(to / from)}`
  })
  return first === last ? NONE : ratios.join(' / ')
}

const NONE = '–'

function cell(row: Row | undefined, { figures }: View): string {
  if (row === undefined || !isValid(row)) return NONE
  const values = figures.map((figure) => row.figures[figure]).filter((value) => typeof value === 'number')
  return values.length === 0 ? NONE : values.map(written).join(' / ')
}

function written(value: number): string {
  return Math.abs(value) < 10
    ? value.toFixed(1).replace(/^-?0\.0$|\.0$/, (end) => (end === '.0' ? '' : '0'))
    : rounded(value)
}

function times(ratio: number): string {
  return ratio < 100 ? ratio.toPrecision(2) : String(Math.round(ratio))
}
