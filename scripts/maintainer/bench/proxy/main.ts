import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { copyWithoutBatching } from '../batching.ts'
import { type Benchmark, compile, openBenchmark } from '../benchmark.ts'
import { CANDIDATES } from '../candidates.ts'
import { separateCores } from '../cores.ts'
import { Gate } from '../gate.ts'
import { startNginx } from '../nginx.ts'
import { announce, positive, retryOption, someOf, whole, workFolder, writeReport } from '../options.ts'
import { repeated, shown } from '../repeated.ts'
import { SECONDS_PER_LOAD, SECONDS_PER_SESSION } from '../rounds.ts'
import type { Kind } from '../session-pages.ts'
import { aligned } from '../statistics.ts'

const program = new Command('bench proxy')
  .description(
    'What it gives to work on the requests of one turn of the event loop together: requests per second with and without, directly and behind nginx on the same machine.',
  )
  .option('--rounds <number>', 'number of rounds; figures are medians', whole, 3)
  .option('--seconds <number>', 'duration of each measurement, and of the warm-up before it', positive, 1)
  .addOption(retryOption(1))
  .option('--connections <numbers>', 'concurrent requests', whole, 32)
  .option('--only <names>', 'candidates of npm run bench', someOf(CANDIDATES), [
    'signed_cookies-sealed',
    'memory',
    'cache-redis',
    'db',
  ])
  .option('--json <file>', 'where to write all figures', join('data', 'proxy.json'))
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse(process.argv.slice(3), { from: 'user' })

const { rounds, seconds, connections, only, json, retryMinutes } = program.opts<{
  rounds: number
  seconds: number
  connections: number
  only: string[]
  json: string
  retryMinutes: number
}>()
const SESSIONS = Math.max(200, connections)
const PAGES: readonly Kind[] = ['read', 'change']
const WAYS = 4
const SECONDS_PER_CANDIDATE = 6
const twoLoads = 2 * (seconds + SECONDS_PER_LOAD + SESSIONS * SECONDS_PER_SESSION)
announce(only.length * (SECONDS_PER_CANDIDATE + PAGES.length * WAYS * rounds * twoLoads), retryMinutes)

const cores = separateCores()
const gate = new Gate({ maxSeconds: retryMinutes * 60 })
const folder = workFolder()
const batched = compile(folder)
const unbatched = join(copyWithoutBatching(join(folder, 'programs'), join(folder, 'unbatched')), programsIn(batched))

interface Way {
  readonly name: string
  readonly benchmark: Benchmark
  readonly origin: string
}

const results: object[] = []
const lines: string[][] = []
for (const candidate of only) {
  const ways = await open(candidate)
  for (const kind of PAGES) {
    const figures = await repeated(ways, rounds, gate, async ({ benchmark, origin }) => {
      const answer = await load(benchmark, origin, kind)
      const wrong = Object.values(answer.wrong).reduce((sum, count) => sum + count, 0)
      return { value: answer.requests / answer.seconds, wrong }
    })
    for (const [index, figure] of figures.entries()) {
      const way = ways[index]?.name ?? ''
      results.push({ candidate, kind, way, requestsPerSecond: figure })
      lines.push([candidate, kind, way, shown(figure), ''])
      console.error(`${candidate}, ${kind}, ${way}: ${shown(figure)}`)
    }
  }
  for (const { benchmark } of ways) await benchmark.stop()
}
console.log(`\n${aligned([['', 'page', '', 'req/s', ''], ...lines])}`)
writeReport(json, { pinning: cores.description, rounds, seconds, connections, results })

/** Directly and behind nginx, with and without batches: one server each, all of them up. */
async function open(candidate: string): Promise<Way[]> {
  const ways: Way[] = []
  for (const [name, programs] of [
    ['batched', batched],
    ['not batched', unbatched],
  ] as const) {
    const place = join(folder, `${candidate}-${ways.length}`)
    mkdirSync(place)
    const benchmark = await openBenchmark([candidate], place, cores.serverPrefix, programs)
    const [running] = benchmark.candidates
    if (running === undefined) throw new Error(`${candidate}: ${benchmark.leftOut[candidate]}`)
    const { origin, stop } = await startNginx(running.origin, place)
    const stopAll = async () => {
      await stop()
      await benchmark.stop()
    }
    ways.push({ name, benchmark, origin: running.origin })
    ways.push({ name: `${name}, nginx`, benchmark: { ...benchmark, stop: stopAll }, origin })
  }
  return ways
}

function load({ load }: Benchmark, origin: string, kind: Kind) {
  const request = { origin, kind, sessions: SESSIONS, connections, seconds }
  return load.ask({ ...request, hasSessions: true, revokes: false })
}

function programsIn(path: string): string {
  return path.slice(join(folder, 'programs').length + 1)
}
