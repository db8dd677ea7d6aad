import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { projectRoot } from '../../src/paths.ts'
import { CANDIDATES, REFERENCE } from './bench/candidates.ts'
import { separateCores } from './bench/cores.ts'
import { openField } from './bench/field.ts'
import { isWrong, remarks, summarize, tables } from './bench/report.ts'
import { type Effort, runRounds } from './bench/rounds.ts'

const program = new Command('bench')
  .description('Measure every session engine beside bare Koa, which does the same without sessions.')
  .option('--rounds <number>', 'how often to measure everything; figures are medians', whole, 3)
  .option('--seconds <number>', 'how long each measurement lasts', positive, 3)
  .option('--sessions <number>', 'how many sessions the load has', whole, 200)
  .option('--connections <number>', 'how many requests are under way at once', whole, 32)
  .option('--only <names>', `some of ${Object.keys(CANDIDATES).join(', ')}`, names, Object.keys(CANDIDATES))
  .option('--json <file>', 'where to write all figures', join('data', 'bench.json'))
  .addHelpText('after', '\nExit codes: 0 done, 1 failed or an engine answered wrongly, 2 wrong use.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const { only, json, ...effort } = program.opts<Effort & { only: string[]; json: string }>()
if (effort.sessions < effort.connections) {
  program.error('error: --sessions must be as many as --connections: each connection has sessions of its own')
}

const cores = separateCores()
const file = resolve(projectRoot, json)
const data = join(projectRoot, 'data')
mkdirSync(data, { recursive: true })
// On the disk that a deployment's data would be on: a folder for temporary files may be memory.
const folder = mkdtempSync(join(data, 'bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const field = await openField(only, folder, cores.serverPrefix)
console.log(`${cores.description}; ${effort.connections} connections, ${effort.sessions} sessions`)
for (const { name, candidate } of field.contestants) console.log(`  ${name}: ${candidate.about}`)
for (const [name, reason] of Object.entries(field.leftOut)) console.log(`  left out: ${name}: ${reason}`)

const measurements = await runRounds(field, effort, ({ round, kind, candidate, requests, seconds }) =>
  console.error(`round ${round} of ${effort.rounds}, ${kind}: ${candidate} ${Math.round(requests / seconds)} req/s`),
)
await field.stop()

const results = summarize(measurements)
console.log(`\n${[tables(results), ...remarks(results)].join('\n\n')}`)
const machine = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length }
const report = { date: new Date().toISOString(), machine, pinning: cores.description, ...effort }
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify({ ...report, results, leftOut: field.leftOut, measurements }, null, 2)}\n`)
console.log(`\nAll figures are in ${json}.`)
process.exitCode = results.some(isWrong) ? 1 : 0

function names(text: string): string[] {
  const chosen = text.split(',').filter((name) => name !== '')
  const unknown = chosen.find((name) => !(name in CANDIDATES))
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no "${unknown}".`)
  // Without it there is nothing to compare with.
  return [REFERENCE, ...chosen.filter((name) => name !== REFERENCE)]
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

function whole(text: string): number {
  const value = positive(text)
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number.')
  return value
}
