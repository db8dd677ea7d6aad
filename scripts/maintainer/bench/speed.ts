import { join } from 'node:path'
import { Command } from 'commander'
import { compile, openBenchmark } from './benchmark.ts'
import { CANDIDATES, REFERENCE } from './candidates.ts'
import { separateCores } from './cores.ts'
import { guaranteesOf, guaranteesTable } from './guarantees.ts'
import { positive, someOf, whole, workFolder, writeReport } from './options.ts'
import { PEERS, preparePeers } from './peers.ts'
import { isWrong, remarks, summarize, tables } from './report.ts'
import { type LoadOptions, runRounds } from './rounds.ts'

const program = new Command('bench')
  .description('Compare every session engine with bare Koa, which serves the same pages without sessions.')
  .option('--rounds <number>', 'number of rounds; figures are medians, with the least and the greatest', whole, 3)
  .option('--seconds <number>', 'duration of each measurement', positive, 1)
  .option('--sessions <number>', 'number of sessions', whole, 200)
  .option('--connections <number>', 'number of concurrent requests', whole, 32)
  .option(
    '--only <names>',
    `some of ${Object.keys({ ...CANDIDATES, ...PEERS }).join(', ')}`,
    someOf({ ...CANDIDATES, ...PEERS }),
  )
  .option('--peers', 'also measure other session middleware', false)
  .option('--json <file>', 'where to write all figures', join('data', 'bench.json'))
  .addHelpText('after', '\nExit codes: 0 done, 1 failed or an engine gave wrong answers, 2 usage error.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const { only, peers, json, ...options } = program.opts<
  LoadOptions & { only?: string[]; peers: boolean; json: string }
>()
const chosen = only ?? Object.keys({ ...CANDIDATES, ...(peers ? PEERS : {}) })
const missing = chosen.some((name) => name in PEERS) ? preparePeers() : undefined
if (missing !== undefined) program.error(`error: ${missing}`)
if (options.sessions < options.connections) {
  program.error('error: --sessions must be at least --connections, as connections do not share sessions')
}

const cores = separateCores()

// The reference is always measured.
const names = [...new Set([REFERENCE, ...chosen])]
const folder = workFolder()
const benchmark = await openBenchmark(names, folder, cores.serverPrefix, compile(folder))
console.log(`${cores.description}; ${options.connections} connections, ${options.sessions} sessions`)
for (const { name, candidate } of benchmark.candidates) console.log(`  ${name}: ${candidate.about}`)
for (const [name, reason] of Object.entries(benchmark.leftOut)) console.log(`  left out: ${name}: ${reason}`)

const measurements = await runRounds(benchmark, options, ({ round, kind, candidate, requestsPerSecond, clean }) =>
  console.error(
    `round ${round} of ${options.rounds}, ${kind}: ${candidate} ${Math.round(requestsPerSecond)} req/s${clean ? '' : ', not clean'}`,
  ),
)
const guarantees = await guaranteesOf(benchmark.candidates)
await benchmark.stop()

const results = summarize(measurements)
console.log(`\n${[tables(results), guaranteesTable(guarantees), ...remarks(results)].join('\n\n')}`)
const { leftOut } = benchmark
writeReport(json, { pinning: cores.description, ...options, results, guarantees, leftOut, measurements })
process.exitCode = results.some(isWrong) ? 1 : 0
