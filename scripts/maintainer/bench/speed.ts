import { join } from 'node:path'
import { Command } from 'commander'
import { compile, openBenchmark } from './benchmark.ts'
import { CANDIDATES, type Candidate, REFERENCE } from './candidates.ts'
import { separateCores } from './cores.ts'
import { Gate } from './gate.ts'
import { guaranteesOf, guaranteesTable } from './guarantees.ts'
import { announce, positive, retryOption, someOf, whole, workFolder, writeReport } from './options.ts'
import { PEERS, preparePeers } from './peers.ts'
import { isWrong, remarks, summarize, tables } from './report.ts'
import { expectedSeconds, type LoadOptions, runRounds } from './rounds.ts'

// It is started, its guarantees are tried, and it is stopped.
const SECONDS_PER_CANDIDATE = 2.5

const program = new Command('bench')
  .description('Compare every session engine with bare Koa, which serves the same pages without sessions.')
  .option('--rounds <number>', 'number of rounds; figures are medians, with the least and the greatest', whole, 3)
  .option('--seconds <number>', 'duration of each measurement', positive, 0.8)
  // A server is idle for minutes while others are measured, and then for about three seconds costs up to twice as much;
  // bare Koa as well, but that is measured again and again.
  .option('--warm-up <number>', 'seconds of requests before each measurement', positive, 3)
  .option('--sessions <number>', 'number of sessions', whole, 200)
  .option('--connections <number>', 'number of concurrent requests', whole, 32)
  .addOption(retryOption(6))
  .option(
    '--only <names>',
    `some of ${Object.keys({ ...CANDIDATES, ...PEERS }).join(', ')}`,
    someOf({ ...CANDIDATES, ...PEERS }),
  )
  .option('--peers', 'also measure other session middleware', false)
  .option(
    '--node-flags <flags>',
    'measure each candidate of this project also with these flags of node, as <name>-flags',
    (text: string) => text.split(' '),
  )
  .option('--json <file>', 'where to write all figures', join('data', 'bench.json'))
  .addHelpText('after', '\nExit codes: 0 done, 1 failed or an engine gave wrong answers, 2 usage error.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const { only, peers, json, retryMinutes, nodeFlags, ...options } = program.opts<
  LoadOptions & { only?: string[]; peers: boolean; json: string; retryMinutes: number; nodeFlags?: string[] }
>()
const chosen = only ?? Object.keys({ ...CANDIDATES, ...(peers ? PEERS : {}) })
const missing = chosen.some((name) => name in PEERS) ? preparePeers() : undefined
if (missing !== undefined) program.error(`error: ${missing}`)
if (options.sessions < options.connections) {
  program.error('error: --sessions must be at least --connections, as connections do not share sessions')
}

// The reference is always measured.
const flagged = nodeFlags === undefined ? {} : withFlags(nodeFlags)
const names = [...new Set([REFERENCE, ...chosen, ...Object.keys(flagged)])]
const all = names.flatMap((name) => CANDIDATES[name] ?? PEERS[name] ?? flagged[name] ?? [])
announce(expectedSeconds(all, options) + all.length * SECONDS_PER_CANDIDATE, retryMinutes)

const cores = separateCores()
const gate = new Gate({ maxSeconds: retryMinutes * 60 })
const folder = workFolder()
const benchmark = await openBenchmark(names, folder, cores.serverPrefix, compile(folder), flagged)
console.log(`${cores.description}; ${options.connections} connections, ${options.sessions} sessions`)
for (const { name, candidate } of benchmark.candidates) console.log(`  ${name}: ${candidate.about}`)
for (const [name, reason] of Object.entries(benchmark.leftOut)) console.log(`  left out: ${name}: ${reason}`)

const measurements = await runRounds(benchmark, options, gate, ({ round, kind, candidate, requestsPerSecond, clean }) =>
  console.error(
    `round ${round} of ${options.rounds}, ${kind}: ${candidate} ${Math.round(requestsPerSecond)} req/s${clean ? '' : ', not clean'}`,
  ),
)
if (gate.repeats > 0) console.error(`Other processes disturbed: ${gate.repeats} measurements were repeated.`)
const guarantees = await guaranteesOf(benchmark.candidates)
await benchmark.stop()

const results = summarize(measurements)
console.log(`\n${[tables(results), guaranteesTable(guarantees), ...remarks(results)].join('\n\n')}`)
const { leftOut } = benchmark
writeReport(json, { pinning: cores.description, ...options, nodeFlags, results, guarantees, leftOut, measurements })
process.exitCode = results.some(isWrong) ? 1 : 0

function withFlags(flags: readonly string[]): Record<string, Candidate> {
  return Object.fromEntries(
    chosen.flatMap((name) => {
      const candidate = CANDIDATES[name]
      return candidate === undefined || name === REFERENCE
        ? []
        : [[`${name}-flags`, { ...candidate, about: `${candidate.about}, with ${flags.join(' ')}`, nodeFlags: flags }]]
    }),
  )
}
