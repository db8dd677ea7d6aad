import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { type Benchmark, compile, openBenchmark } from './benchmark.ts'
import { CANDIDATES, type Candidate, REFERENCE } from './candidates.ts'
import { separateCores } from './cores.ts'
import { Gate } from './gate.ts'
import { groupsOf } from './groups.ts'
import { type Guarantees, guaranteesOf, guaranteesTable } from './guarantees.ts'
import { announce, positive, retryOption, someOf, whole, workFolder, writeReport } from './options.ts'
import { PEERS, preparePeers } from './peers.ts'
import { isWrong, remarks, summarize, tables } from './report.ts'
import { expectedSeconds, type LoadOptions, type Measurement, runRound } from './rounds.ts'

// To try its guarantees.
const SECONDS_PER_CANDIDATE = 1.5

const program = new Command('bench')
  .description('Compare every session engine with bare Koa, which serves the same pages without sessions.')
  .option('--rounds <number>', 'number of rounds; figures are medians, with the least and the greatest', whole, 3)
  .option('--seconds <number>', 'duration of each measurement', positive, 0.8)
  // A server is idle while others are measured, and then is slower at first.
  .option('--warm-up <number>', 'seconds of requests before each measurement', positive, 1.5)
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
  LoadOptions & {
    rounds: number
    only?: string[]
    peers: boolean
    json: string
    retryMinutes: number
    nodeFlags?: string[]
  }
>()
const chosen = only ?? Object.keys({ ...CANDIDATES, ...(peers ? PEERS : {}) })
const missing = chosen.some((name) => name in PEERS) ? preparePeers() : undefined
if (missing !== undefined) program.error(`error: ${missing}`)
if (options.sessions < options.connections) {
  program.error('error: --sessions must be at least --connections, as connections do not share sessions')
}

const flagged = nodeFlags === undefined ? {} : withFlags(nodeFlags)
const all = Object.fromEntries(
  [...chosen, ...Object.keys(flagged)].flatMap((name) => {
    const candidate = CANDIDATES[name] ?? PEERS[name] ?? flagged[name]
    return candidate === undefined || name === REFERENCE ? [] : [[name, candidate]]
  }),
)
const groups = groupsOf(all)
const ofRound = groups.map((group) =>
  expectedSeconds(
    group.flatMap((name) => all[name] ?? []),
    options,
  ),
)
announce(
  options.rounds * ofRound.reduce((sum, seconds) => sum + seconds, 0) + groups.flat().length * SECONDS_PER_CANDIDATE,
  retryMinutes,
)

const cores = separateCores()
const gate = new Gate({ maxSeconds: retryMinutes * 60 })
const folder = workFolder()
const programs = compile(folder)
console.log(`${cores.description}; ${options.connections} connections, ${options.sessions} sessions`)
for (const [name, { about }] of Object.entries(all)) console.log(`  ${name}: ${about}`)

const measurements: Measurement[] = []
const leftOut: Record<string, string> = {}
const guarantees: Record<string, Guarantees> = {}
for (let round = 1; round <= options.rounds; round++) await measureRound(round)
if (gate.repeats > 0) console.error(`Other processes disturbed: ${gate.repeats} measurements were repeated.`)

const results = summarize(measurements)
console.log(`\n${[tables(results), guaranteesTable(guarantees), ...remarks(results)].join('\n\n')}`)
writeReport(json, { pinning: cores.description, ...options, nodeFlags, results, guarantees, leftOut, measurements })
process.exitCode = results.some(isWrong) ? 1 : 0

/** With new processes, bare Koa's as well: one is up to a quarter faster or slower than another that does the same. */
async function measureRound(round: number): Promise<void> {
  for (const [index, group] of groups.entries()) {
    const benchmark = await open([REFERENCE, ...group], `${round}-${index}`)
    const measured = await runRound(benchmark, round, options, gate, (one) =>
      console.error(
        `round ${round} of ${options.rounds}, ${one.kind}: ${one.candidate} ${Math.round(one.requestsPerSecond)} req/s${one.clean ? '' : ', not clean'}`,
      ),
    )
    measurements.push(...measured)
    if (round === options.rounds) Object.assign(guarantees, await guaranteesOf(benchmark.candidates))
    await benchmark.stop()
  }
}

async function open(names: readonly string[], folderName: string): Promise<Benchmark> {
  const place = join(folder, folderName)
  mkdirSync(place)
  const benchmark = await openBenchmark(names, place, cores.serverPrefix, programs, flagged)
  for (const [name, reason] of Object.entries(benchmark.leftOut)) {
    if (!(name in leftOut)) console.log(`  left out: ${name}: ${reason}`)
    leftOut[name] = reason
  }
  return benchmark
}

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
