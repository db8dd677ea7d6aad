import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Argument, Command } from 'commander'
import { projectRoot } from '../../../../src/paths.ts'
import { compile, openBenchmark } from '../benchmark.ts'
import { CANDIDATES } from '../candidates.ts'
import { separateCores } from '../cores.ts'
import { machine, positive, someOf, whole, workFolder } from '../options.ts'
import { aligned } from '../statistics.ts'
import { type GrowthOptions, QUESTIONS, type Question, type Row } from './questions.ts'

const program = new Command('bench growth')
  .description(
    `How requests become slower as something grows.\n${Object.entries(QUESTIONS)
      .map(([name, { about }]) => `  ${name}: ${about}.`)
      .join('\n')}`,
  )
  .addArgument(new Argument('<question>', 'what grows').choices([...Object.keys(QUESTIONS), 'all']))
  .option('--seconds <number>', 'duration of each measurement', positive, 2)
  .option('--max <number>', 'the largest number of stored sessions', whole, 1_000_000)
  .option('--only <names>', 'candidates of npm run bench', someOf(CANDIDATES))
  .option('--json <file>', 'where figures are added, beside those of other questions', join('data', 'growth.json'))
  .addHelpText('after', '\nExit codes: 0 done, 1 failed or an engine gave wrong answers, 2 usage error.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse(process.argv.slice(3), { from: 'user' })

const { only, json, ...options } = program.opts<GrowthOptions & { only?: string[]; json: string }>()
const [asked = 'all'] = program.args
const cores = separateCores()
const folder = workFolder()
const programs = compile(folder)
const file = resolve(projectRoot, json)

for (const [name, question] of Object.entries(QUESTIONS)) {
  if (asked !== 'all' && asked !== name) continue
  const folderOfQuestion = join(folder, name)
  mkdirSync(folderOfQuestion)
  const rows = await answer(name, question, folderOfQuestion)
  if (rows.some(({ wrong }) => wrong > 0)) process.exitCode = 1
  save(name, rows)
}
console.log(`\nAll figures are in ${json}.`)

async function answer(name: string, { about, unit, candidates, ask }: Question, place: string): Promise<Row[]> {
  const rows: Row[] = []
  // One after the other: idle servers of databases that have grown would still write to the disk.
  for (const candidate of (only ?? candidates).filter((one) => one in CANDIDATES)) {
    const folderOfCandidate = join(place, candidate)
    mkdirSync(folderOfCandidate)
    const benchmark = await openBenchmark([candidate], folderOfCandidate, cores.serverPrefix, programs)
    for (const reason of Object.values(benchmark.leftOut)) console.error(`${name}: ${candidate} left out: ${reason}`)
    try {
      for (const running of benchmark.candidates) {
        for await (const row of ask(benchmark, running, options)) {
          rows.push(row)
          console.error(`${name}: ${candidate}, ${row.at} ${unit}${row.clean ? '' : ', not clean'}`)
        }
      }
    } catch (error) {
      console.error(`${name}: ${candidate} failed: ${error instanceof Error ? error.message : String(error)}`)
      process.exitCode = 1
    }
    await benchmark.stop()
  }
  console.log(`\n${about}\n${table(unit, rows)}`)
  return rows
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
