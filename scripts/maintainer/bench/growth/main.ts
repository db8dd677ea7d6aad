import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Argument, Command } from 'commander'
import { projectRoot } from '../../../../src/paths.ts'
import { compile, openBenchmark } from '../benchmark.ts'
import { CANDIDATES } from '../candidates.ts'
import { separateCores } from '../cores.ts'
import { Gate } from '../gate.ts'
import { announce, machine, positive, retryOption, someOf, whole, workFolder } from '../options.ts'
import { aligned } from '../statistics.ts'
import type { Row } from './measurements.ts'
import { expectedSeconds, type GrowthOptions, QUESTIONS, type Question, rowsOf } from './questions.ts'

const program = new Command('bench growth')
  .description(
    `How requests become slower as something grows.\n${Object.entries(QUESTIONS)
      .map(([name, { about }]) => `  ${name}: ${about}.`)
      .join('\n')}`,
  )
  .addArgument(new Argument('<question>', 'what grows').choices([...Object.keys(QUESTIONS), 'all']))
  .option('--seconds <number>', 'duration of each measurement, and of the warm-up before it', positive, 1)
  .option('--max <number>', 'the largest number of stored sessions', whole, 1_000_000)
  .addOption(retryOption(5))
  .option('--only <names>', 'candidates of npm run bench', someOf(CANDIDATES))
  .option('--json <file>', 'where figures are added, beside those of other questions', join('data', 'growth.json'))
  .addHelpText('after', '\nExit codes: 0 done, 1 failed or an engine gave wrong answers, 2 usage error.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse(process.argv.slice(3), { from: 'user' })

const { only, json, retryMinutes, ...options } = program.opts<
  GrowthOptions & { only?: string[]; json: string; retryMinutes: number }
>()
const [asked = 'all'] = program.args
// Of a candidate: its servers are started, its database is migrated, and at the end they are stopped.
const SECONDS_PER_START = 2.5

const questions = Object.entries(QUESTIONS)
  .filter(([name]) => asked === 'all' || asked === name)
  .map(([name, question]) => ({
    name,
    question,
    candidates: candidatesFor(question).filter((one) => one in CANDIDATES),
  }))
const expected = questions.flatMap(({ question, candidates }) =>
  candidates.map((one) => SECONDS_PER_START + expectedSeconds(question, one, options)),
)
announce(
  expected.reduce((sum, seconds) => sum + seconds, 0),
  retryMinutes,
)

const cores = separateCores()
const gate = new Gate({ maxSeconds: retryMinutes * 60 })
const folder = workFolder()
const programs = compile(folder)
const file = resolve(projectRoot, json)

for (const { name, question, candidates } of questions) {
  const folderOfQuestion = join(folder, name)
  mkdirSync(folderOfQuestion)
  const rows: Row[] = []
  // One after the other: idle servers of databases that have grown would still write to the disk.
  for (const candidate of candidates) {
    rows.push(...(await answer(name, question, candidate, join(folderOfQuestion, candidate))))
  }
  console.log(`\n${question.about}\n${table(question.unit, rows)}`)
  if (rows.some(({ wrong }) => wrong > 0)) process.exitCode = 1
  save(name, rows)
}
console.log(`\nAll figures are in ${json}.`)

function candidatesFor({ candidates }: Question): readonly string[] {
  if (only === undefined) return candidates
  return asked === 'all' ? candidates.filter((one) => only.includes(one)) : only
}

/** The rows of a candidate, whose second attempt counts if the first fails. */
async function answer(name: string, question: Question, candidate: string, place: string): Promise<Row[]> {
  const first = await attempt(name, question, candidate, place)
  const { failed, rows } = first.failed ? await attempt(name, question, candidate, `${place}-again`) : first
  if (failed) process.exitCode = 1
  return rows
}

/** The rows that were measured before something failed. */
async function attempt(name: string, question: Question, candidate: string, place: string) {
  mkdirSync(place)
  const benchmark = await openBenchmark([candidate], place, cores.serverPrefix, programs)
  for (const reason of Object.values(benchmark.leftOut)) console.error(`${name}: ${candidate} left out: ${reason}`)
  const rows: Row[] = []
  let failed = false
  try {
    for (const running of benchmark.candidates) {
      for await (const row of rowsOf(question, { benchmark, running, gate, seconds: options.seconds }, options)) {
        rows.push(row)
        console.error(`${name}: ${candidate}, ${row.at} ${question.unit}${row.clean ? '' : ', not clean'}`)
      }
    }
  } catch (error) {
    console.error(`${name}: ${candidate} failed: ${error instanceof Error ? error.message : String(error)}`)
    failed = true
  }
  await benchmark.stop()
  return { rows, failed }
}

function table(unit: string, rows: readonly Row[]): string {
  const titles = Object.keys(rows[0]?.figures ?? {})
  const lines = rows.map(({ candidate, at, figures, wrong, clean, other }) => [
    candidate,
    at.toLocaleString('en'),
    ...titles.map((title) => (clean && wrong === 0 ? written(figures[title]) : '')),
    wrong > 0
      ? `${wrong} wrong answers`
      : clean
        ? ''
        : `not clean: other work took ${(other * 100).toFixed(0)} % of a core`,
  ])
  return aligned([['', unit, ...titles, ''], ...lines])
}

function written(value: number | null | undefined): string {
  if (value === null || value === undefined) return ''
  return value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)
}

function save(name: string, rows: readonly Row[]): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { questions?: object }) : {}
  const { about, unit } = QUESTIONS[name] ?? { about: '', unit: '' }
  const run = { date: new Date().toISOString(), machine: machine(), pinning: cores.description, ...options }
  const questions = { ...before.questions, [name]: { about, unit, ...run, rows } }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ questions }, null, 2)}\n`)
}
