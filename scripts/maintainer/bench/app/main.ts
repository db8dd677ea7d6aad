import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { projectRoot } from '../../../../src/paths.ts'
import { Backends } from '../backends.ts'
import { settingsOf } from '../benchmark.ts'
import { CANDIDATES } from '../candidates.ts'
import { separateCores } from '../cores.ts'
import { Gate } from '../gate.ts'
import { startNginx } from '../nginx.ts'
import { announce, positive, retryOption, someOf, whole, workFolder, writeReport } from '../options.ts'
import { repeated, shown } from '../repeated.ts'
import { aligned, median } from '../statistics.ts'
import { createUser, signedInVisitors, startApplication } from './application.ts'
import { KINDS_OF_WORK, readProfile, sharesOf } from './profile.ts'
import { VISITS, visit } from './visits.ts'

const ENGINES = ['signed_cookies-sealed', 'hybrid', 'cache-redis', 'cached_db', 'db', 'db-postgresql', 'file']

const program = new Command('bench app')
  .description(
    'The whole application in production: pages of signed-in visitors per second, directly and behind nginx on the same machine, and what takes the time.',
  )
  .option('--rounds <number>', 'number of rounds; figures are medians', whole, 3)
  .option('--seconds <number>', 'duration of each measurement, and of the warm-up before it', positive, 1)
  .addOption(retryOption(1))
  .option('--visitors <number>', 'signed-in visitors, each with one connection', whole, 32)
  .option('--only <names>', 'candidates of npm run bench', someOf(CANDIDATES), ENGINES)
  .option('--json <file>', 'where to write all figures', join('data', 'app.json'))
  .addHelpText('after', '\nExit codes: 0 done, 1 failed or an engine gave wrong answers, 2 usage error.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse(process.argv.slice(3), { from: 'user' })

const { rounds, seconds, visitors, only, json, retryMinutes } = program.opts<{
  rounds: number
  seconds: number
  visitors: number
  only: string[]
  json: string
  retryMinutes: number
}>()
const WAYS = 2
// To build; and for a candidate to start twice, to sign visitors in, to profile and to stop.
const SECONDS_TO_BUILD = 8
const SECONDS_PER_CANDIDATE = 6
const measurements = rounds * Object.keys(VISITS).length * WAYS
announce(
  SECONDS_TO_BUILD + only.length * (SECONDS_PER_CANDIDATE + seconds + measurements * 2 * (seconds + 0.1)),
  retryMinutes,
)

const cores = separateCores()
const gate = new Gate({ maxSeconds: retryMinutes * 60 })
const folder = workFolder()
const built = join(folder, 'dist')
execFileSync(process.execPath, ['scripts/build.mjs', built], { cwd: projectRoot, stdio: 'inherit' })
const backends = new Backends()

const pages: string[][] = []
const work: string[][] = []
const results: object[] = []
for (const name of only) {
  const candidate = CANDIDATES[name]
  if (candidate?.application !== 'engine') continue
  try {
    const settings = await settingsOf(name, candidate, folder, backends)
    await createUser(settings)
    for (const result of await measure(name, settings)) results.push(result)
    const shares = await profiled(name, settings)
    results.push({ candidate: name, shares })
    work.push([name, ...KINDS_OF_WORK.map((kind) => `${Math.round(shares[kind] * 100)} %`), ''])
  } catch (error) {
    console.error(`${name} failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
await backends.stop()

console.log(
  `\nPages per second\n${aligned([['', ...Object.keys(VISITS).flatMap((one) => [one, 'behind nginx']), ''], ...pages])}`,
)
console.log(`\nWhat takes the CPU time of "read a page"\n${aligned([['', ...KINDS_OF_WORK, ''], ...work])}`)
writeReport(json, { pinning: cores.description, rounds, seconds, visitors, results })

async function measure(name: string, settings: Readonly<Record<string, string>>): Promise<object[]> {
  const application = await startApplication(built, settings, cores.serverPrefix)
  const nginx = await startNginx(application.origin, folder)
  const people = await signedInVisitors(application.origin, visitors)
  const ways = [
    { way: 'direct', origin: application.origin },
    { way: 'nginx', origin: nginx.origin },
  ]
  const subjects = (Object.keys(VISITS) as (keyof typeof VISITS)[]).flatMap((kind) =>
    ways.map((way) => ({ ...way, kind })),
  )
  const p99s = subjects.map(() => [] as number[])
  const cpus = subjects.map(() => [] as number[])
  const figures = await repeated(subjects, rounds, gate, async (subject, isWarmUp) => {
    const before = application.cpu()
    const answer = await visit(subject.origin, subject.kind, people, seconds)
    const index = subjects.indexOf(subject)
    if (!isWarmUp) {
      p99s[index]?.push(answer.p99)
      cpus[index]?.push(((application.cpu() - before) * 1000) / Math.max(1, answer.pages))
    }
    return { value: answer.pages / answer.seconds, wrong: answer.wrong }
  })
  await nginx.stop()
  await application.stop()
  if (figures.some(({ wrong }) => wrong > 0)) process.exitCode = 1
  pages.push([name, ...figures.map(shown), ''])
  console.error(`${name}: ${figures.map(shown).join(', ')}`)
  return subjects.map(({ kind, way }, index) => ({
    candidate: name,
    visit: kind,
    way,
    pagesPerSecond: figures[index],
    p99: median(p99s[index] ?? []),
    cpu: median(cpus[index] ?? []),
  }))
}

async function profiled(name: string, settings: Readonly<Record<string, string>>) {
  const place = join(folder, `profile-${name}`)
  mkdirSync(place)
  const options = ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${place}`]
  const application = await startApplication(built, settings, cores.serverPrefix, options)
  const people = await signedInVisitors(application.origin, Math.min(8, visitors))
  const start = performance.now()
  await visit(application.origin, 'read a page', people, seconds)
  await application.stop()
  return sharesOf(readProfile(place), (performance.now() - start) / 1000)
}
