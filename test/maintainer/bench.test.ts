import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import Koa, { type Context } from 'koa'
import { sharesOf } from '../../scripts/maintainer/bench/app/profile.ts'
import type { Benchmark } from '../../scripts/maintainer/bench/benchmark.ts'
import { CANDIDATES } from '../../scripts/maintainer/bench/candidates.ts'
import { Gate } from '../../scripts/maintainer/bench/gate.ts'
import { groupsOf } from '../../scripts/maintainer/bench/groups.ts'
import { QUESTIONS, rowsOf } from '../../scripts/maintainer/bench/growth/questions.ts'
import { busyOf, fromPs, otherWork, parseProcStat, timeOfTree, watch } from '../../scripts/maintainer/bench/noise.ts'
import { type Result, remarks, summarize, tables } from '../../scripts/maintainer/bench/report.ts'
import { compare, hasPage, type Measurement, runRound, type Sample } from '../../scripts/maintainer/bench/rounds.ts'
import { checkChanges, checkLogin } from '../../scripts/maintainer/bench/saved.ts'
import { KINDS } from '../../scripts/maintainer/bench/session-pages.ts'
import { beginSessions } from '../../scripts/maintainer/bench/visitors.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { storm } from '../support/storm.ts'

interface Report {
  readonly pinning: string
  readonly rounds: number
  readonly results: readonly Result[]
  readonly measurements: readonly Measurement[]
  readonly leftOut: Readonly<Record<string, string>>
}

const QUICK = [
  '--rounds',
  '1',
  '--seconds',
  '0.1',
  '--warm-up',
  '0.1',
  '--sessions',
  '6',
  '--connections',
  '3',
  '--retry-minutes',
  '0',
]

async function bench(t: ExecutionContext, ...args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'bench.json')
  const program = startProcess([TYPESCRIPT, 'scripts/maintainer/bench.ts', '--json', file, ...args])
  const code = await program.ended()
  return { code, output: program.output(), report: async () => JSON.parse(await readFile(file, 'utf8')) as Report }
}

// Others differ in their storage alone; bare Koa is always measured.
const CHOSEN = ['koa', 'koa-session', 'db']
const MEASURED = storm ? Object.keys(CANDIDATES) : CHOSEN

function pagesOf(names: readonly string[]): string[] {
  return names
    .flatMap((name) => {
      const application = CANDIDATES[name]?.application ?? 'engine'
      return KINDS.filter((kind) => hasPage({ application }, kind)).map((kind) => `${kind} ${name}`)
    })
    .sort()
}

test('every page of every chosen candidate is measured, without wrong answers', async (t) => {
  t.timeout(600_000)
  const { code, output, report } = await bench(t, ...QUICK, ...(storm ? [] : ['--only', CHOSEN.slice(1).join()]))
  t.is(code, 0, output)
  const { results, measurements, leftOut, pinning, rounds } = await report()
  t.is(rounds, 1)
  t.regex(pinning, /pinned to core/)
  const measured = MEASURED.filter((name) => !(name in leftOut))
  for (const list of [results, measurements]) {
    const pages = list.map(({ kind, candidate }) => `${kind} ${candidate}`)
    t.deepEqual([...new Set(pages)].sort(), pagesOf(measured))
  }
  // On a busy machine one page may get no answer in such a short measurement, but not every page.
  for (const name of measured) {
    const answered = results.filter((one) => one.candidate === name && (one.requestsPerSecond ?? 0) > 0)
    t.true(answered.length > 0, name)
    for (const { kind, p50, p99 } of answered) t.true((p50 ?? 0) > 0 && (p99 ?? 0) >= (p50 ?? 0), `${name}, ${kind}`)
  }
  for (const { candidate, kind, wrong, clean, other, spread } of results) {
    t.deepEqual(wrong, {}, `${candidate}, ${kind}`)
    t.is(typeof clean, 'boolean')
    t.true(other >= 0)
    for (const [least, greatest] of Object.values(spread).filter((range) => range !== null)) {
      t.true(least >= 0 && least <= greatest, `${candidate}, ${kind}`)
    }
  }
  for (const [name, reason] of Object.entries(leftOut)) {
    t.not(CANDIDATES[name]?.needs, undefined, `${name}: ${reason}`)
    t.regex(reason, /^There is no (redis-server|memcached|postgresql|mariadb-server) /)
    t.true(output.includes(`left out: ${name}: ${reason}`))
  }
  for (const name of measured) t.regex(output, new RegExp(`^${name} +(\\d+|not clean)`, 'm'))
})

const sample = (requests: number, more: Partial<Sample> = {}): Sample => ({
  ...{ requests, seconds: 1, p50: 1, p99: 2, cpu: 1_000_000 / requests, wrong: {} },
  ...{ inProcess: 5, other: 0, clean: true, ...more },
})

test('a machine that becomes slower does not make a candidate look slower', (t) => {
  const [first, second, third] = [sample(1000), sample(500), sample(250)]
  const [, , one, other] = compare('read', 1, [
    { name: 'db', candidate: { floor: 'floor' }, sample: sample(375), before: first, after: second },
    { name: 'floor', candidate: {}, sample: sample(187.5, { inProcess: 2.5 }), before: second, after: third },
  ])
  t.is(one?.ratio, 0.5)
  t.is(other?.ratio, 0.5)
  t.is(one?.floorRatio, 2)
  t.is(other?.floorRatio, null)
})

test('bare Koa is compared with itself, a page without a session with bare Koa, a change with that of another', (t) => {
  const around = { before: sample(1000), after: sample(900) }
  const list = [
    { name: 'db', candidate: { floor: 'floor' }, sample: sample(190, { inProcess: 10 }), ...around },
    { name: 'cached_db', candidate: { beside: 'db' }, sample: sample(95), ...around },
  ]
  const [koa, , db, cached] = compare('none', 1, list)
  t.like(koa, { candidate: 'koa', ratio: 0.9, requestsPerSecond: 900 })
  t.like(db, { floorRatio: 2, besideRatio: null })
  t.is(cached?.besideRatio, 0.5)
})

test('a measurement beside other work is not clean, and neither is its neighbour', (t) => {
  const busy = sample(1000, { other: 0.2, clean: false })
  const [, , , spoilt, near, far] = compare('read', 1, [
    { name: 'a', candidate: {}, sample: busy, before: sample(1000), after: sample(1000) },
    { name: 'b', candidate: {}, sample: sample(900), before: sample(1000), after: busy },
    { name: 'c', candidate: {}, sample: sample(900), before: sample(1000), after: sample(1000) },
  ])
  t.like(spoilt, { clean: false, other: 0.2 })
  t.like(near, { clean: false, other: 0.2 })
  t.like(far, { clean: true, other: 0 })
})

test('a figure is the median of the clean rounds with its spread; without enough of them there is none', (t) => {
  const rounds = (clean: readonly boolean[]) =>
    clean.flatMap((isClean, index) =>
      compare('read', index + 1, [
        {
          name: 'db',
          candidate: {},
          sample: sample([400, 500, 900][index] ?? 0, {
            inProcess: [20, 30, 90][index] ?? 0,
            clean: isClean,
            other: isClean ? 0 : 0.5,
          }),
          before: sample(1000),
          after: sample(1000),
        },
      ]),
    )
  const [koa, db] = summarize(rounds([true, true, false]))
  t.like(db, { candidate: 'db', ratio: 0.45, clean: true, other: 0.5 })
  t.deepEqual(db?.spread.ratio, [0.4, 0.5])
  t.regex(tables(db === undefined ? [] : [db]), /^db .* 0\.45 \(0\.40–0\.50\) +0\.45 met .* 25\.0 \(20\.0–30\.0\)/m)
  const spoilt = summarize(rounds([true, false, false]))
  t.false(spoilt[1]?.clean)
  t.regex(tables(spoilt), /^db +not clean: other work took up to 50 % of a core$/m)
  t.regex(remarks(spoilt).join(), /^1 of 2 figures are not clean/)
  t.true(koa?.clean)
})

/** Notes what is asked of its servers and its load, which answer at once. */
function fakeBenchmark(names: readonly string[]) {
  const asked: { of: string; kind: string | undefined; seconds: number }[] = []
  const answer = { requests: 1, p50: 1, p99: 1, wrong: {} }
  const note = (of: string, { kind, seconds = 0 }: { kind?: string; seconds?: number }) => {
    asked.push({ of, kind, seconds })
    return { ...answer, seconds, cpu: seconds, origin: '' }
  }
  const running = (name: string) => ({
    name,
    origin: name,
    candidate: CANDIDATES[name],
    place: '',
    server: { ask: async (request: object) => note(`${name} alone`, request) },
  })
  const load = {
    ask: async (request: { origin: string; kind: string; seconds: number }) => note(request.origin, request),
  }
  const benchmark = { candidates: names.map(running), load } as unknown as Benchmark
  const gate = new Gate({ maxSeconds: 0, watchOnce: async (work) => ({ result: await work(), other: 0, clean: true }) })
  return { benchmark, gate, asked }
}

test('only candidates that are compared with each other run at the same time', (t) => {
  const related = { a: { floor: 'f' }, lone: {}, c: { beside: 'd' }, f: {}, d: { floor: 'g' }, b: { floor: 'f' } }
  t.deepEqual(groupsOf(related), [['a', 'f', 'b'], ['lone'], ['c', 'd']])
  for (const [name, { floor, beside }] of Object.entries(CANDIDATES)) {
    const group = groupsOf(CANDIDATES).find((names) => names.includes(name))
    for (const other of [floor, beside]) t.true(other === undefined || group?.includes(other), `${name}, ${other}`)
  }
})

test('every figure without HTTP is of warm code: right before it the same is requested, and not counted', async (t) => {
  const { benchmark, gate, asked } = fakeBenchmark(['koa', 'memory'])
  const options = { seconds: 1, warmUp: 3, sessions: 2, connections: 1 }
  const measurements = await runRound(benchmark, 1, options, gate, () => {})
  const counted = measurements.find(({ candidate, kind }) => candidate === 'memory' && kind === 'read')?.inProcess ?? 0
  const alone = asked.filter(({ of, kind }) => of === 'memory alone' && kind === 'read').map(({ seconds }) => seconds)
  t.is(alone.length, 3)
  const [first = 0, second = 0, last] = alone
  t.is(last, counted)
  t.true(second > counted && first > 1, `${alone}`)
})

test('a server that was idle while others were measured is warm again before it is measured', async (t) => {
  const { benchmark, gate, asked } = fakeBenchmark(['koa', 'memory'])
  await runRound(benchmark, 1, { seconds: 1, warmUp: 3, sessions: 2, connections: 1 }, gate, () => {})
  const reads = asked.filter(({ of, kind }) => of === 'memory' && kind === 'read').map(({ seconds }) => seconds)
  t.deepEqual(reads, [1.5, 3, 1], 'when it is new, right before the measurement, measured')
  const ofKoa = asked.filter(({ of, kind }) => of === 'koa' && kind === 'read').map(({ seconds }) => seconds)
  t.deepEqual(ofKoa, [1.5, 0.25, 0.5, 0.25, 0.5], 'which is measured again and again')
  const alone = asked.filter(({ of, kind }) => of === 'memory alone' && kind === 'read').map(({ seconds }) => seconds)
  t.deepEqual(alone, [1.5, 1.5, 0.5], 'without HTTP as well')
})

test('the first row of a growing candidate is as warm as the others, except for memory', async (t) => {
  const options = { seconds: 1, max: 1000 }
  const rows = async (name: string) => {
    const { benchmark, gate, asked } = fakeBenchmark(['memory'])
    const [running] = benchmark.candidates
    const question = QUESTIONS[name]
    if (question === undefined || running === undefined) throw new Error(name)
    const subject = { benchmark, running, gate, seconds: options.seconds }
    const { done } = await rowsOf(question, subject, options).next()
    t.false(done)
    return asked.map(({ of, kind, seconds }) => `${of} ${kind} ${seconds}`)
  }
  const warmUp = ['read', 'change'].flatMap((kind) => [`memory ${kind} 1.5`, `memory alone ${kind} 1.5`])
  const ofRow = ['memory read 1', 'memory read 1', 'memory change 1', 'memory change 1']
  for (const name of ['size', 'slices', 'connections']) t.deepEqual(await rows(name), [...warmUp, ...ofRow], name)
  t.deepEqual(QUESTIONS['memory']?.firstWarmUp, [])
})

test('the load of other processes is what was busy without ours and the threads of the kernel', (t) => {
  t.is(busyOf('cpu  100 20 30 999 5 6 7 8 0 0\ncpu0 1 1 1'), 1580)
  const processes = [
    parseProcStat('10 (a program) name) R 1 10 10 0 -1 0 0 0 0 0 3 2 4 1 20 0 1 0 5'),
    { pid: 11, parent: 10, milliseconds: 20 },
    { pid: 12, parent: 11, milliseconds: 3 },
    { pid: 2, parent: 0, milliseconds: 1000 },
    { pid: 20, parent: 2, milliseconds: 2000 },
    { pid: 30, parent: 1, milliseconds: 40_000 },
  ]
  t.deepEqual(processes[0], { pid: 10, parent: 1, milliseconds: 100 })
  t.is(timeOfTree(processes, 10), 3123)
  t.deepEqual(fromPs('    1     0   0:03.50\n  77     1 1-02:00:01\nnonsense'), [
    { pid: 1, parent: 0, milliseconds: 3500 },
    { pid: 77, parent: 1, milliseconds: 93_601_000 },
  ])
  const before = { at: 0, busy: 0, ours: 0 }
  t.deepEqual(otherWork(before, { at: 2000, busy: 2090, ours: 2000 }), { other: 0.045, clean: true })
  t.deepEqual(otherWork(before, { at: 2000, busy: 2110, ours: 2000 }), { other: 0.055, clean: false })
})

test('a foreign process spoils a measurement, and one of ours does not', async (t) => {
  const burn = (milliseconds: number) => `const end = Date.now() + ${milliseconds}; while (Date.now() < end);`
  const ours = await watch(() => promisify(execFile)(process.execPath, ['-e', burn(300)]))
  // Its parent ends at once, so that it is nobody's child.
  const { other, clean } = await watch(async () => {
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(burn(900))}], { detached: true, stdio: 'ignore' }).unref()`
    await promisify(execFile)(process.execPath, ['-e', script])
    await promisify(execFile)(process.execPath, ['-e', burn(700)])
  })
  t.false(clean)
  t.true(other > 0.1, `${other}, and ${ours.other} for ours`)
})

test('a disturbed measurement is repeated when the machine is quiet, but no wrong answer, and not for ever', async (t) => {
  // What is seen of each measurement and, between them, of the machine alone.
  const gateSeeing = (shares: number[], maxSeconds = 60) =>
    new Gate({
      maxSeconds,
      maxRepeats: 2,
      async watchOnce(work) {
        const other = shares.shift() ?? 1
        return { result: await work(), other, clean: other === 0 }
      },
    })
  let runs = 0
  const measure = async () => ++runs
  t.like(await gateSeeing([0.4, 0.7, 0, 0]).watch(measure), { result: 2, clean: true })
  const disturbed = gateSeeing([0.4, 0, 0.3, 0, 0.5])
  t.like(await disturbed.watch(measure), { result: 4, other: 0.3, clean: false })
  t.is(disturbed.repeats, 2)
  t.is((await gateSeeing([0.4, 0, 0]).watch(measure, () => true)).result, 6)
  t.is((await gateSeeing([0.4, 0, 0], 0).watch(measure)).result, 7)
})

test('a profile counts what a package does for whoever calls it, and only the end of it', (t) => {
  const node = (id: number, url: string, children: number[] = [], functionName = 'f') => ({
    ...{ id, children, callFrame: { functionName, url } },
  })
  const nodes = [
    node(1, '', [2, 7], '(root)'),
    node(2, 'node:internal/http', [3]),
    node(3, 'file:///a/src/web/render.js', [4]),
    node(4, 'file:///a/node_modules/nunjucks/index.js', [5]),
    node(5, 'file:///a/src/session/session.js', [6]),
    node(6, 'node:internal/buffer'),
    node(7, 'file:///a/src/session/session.js', [8], 'open'),
    node(8, 'node:internal/crypto'),
    node(9, '', [], '(idle)'),
  ]
  const shares = sharesOf({ nodes, samples: [2, 2, 6, 8, 9], timeDeltas: [9000, 1000, 1000, 2000, 5000] }, 0.0085)
  t.like(shares, { Node: 0.25, rendering: 0.25, sessions: 0.5, drivers: 0 })
})

test('a usage error is one sentence and exit 2', async (t) => {
  for (const args of [
    ['--only', 'nonsense'],
    ['--rounds', '1.5'],
    ['--sessions', '2', '--connections', '3'],
  ]) {
    const { code, output } = await bench(t, ...args)
    t.is(code, 2, args.join(' '))
    t.is(output.trim().split('\n').length, 1, output)
  }
})

/** A server that begins sessions, and does nothing else of what it answers. */
async function liar(t: ExecutionContext, state: () => unknown, onLogin: (ctx: Context) => void = () => {}) {
  const app = new Koa()
  app.use((ctx) => {
    if (ctx.path === '/begin') ctx.set('Set-Cookie', 'sessionid=first; path=/')
    if (ctx.path === '/login') onLogin(ctx)
    ctx.body = ctx.path === '/state' ? state() : 'dark'
  })
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('changes that are not saved or saved twice are reported', async (t) => {
  let changes = 0
  const origin = await liar(t, () => ({ changes, logins: 0, user: null }))
  const visitors = await beginSessions(origin, 2)
  t.deepEqual(await checkChanges(origin, visitors, 10, 1), { 'a change not saved': 10 })
  changes = 5
  t.deepEqual(await checkChanges(origin, visitors, 10, 1), {})
  t.deepEqual(await checkChanges(origin, visitors, 9, 1), {})
  t.deepEqual(await checkChanges(origin, visitors, 8, 1), { 'a change saved twice': 2 })
})

test('a login that is not saved, keeps the key, or leaves the old key valid is reported', async (t) => {
  const idle = await liar(t, () => ({ changes: 0, logins: 0, user: null }))
  t.deepEqual(await checkLogin(idle, false), { 'a login not saved': 1, 'the key from before the login': 1 })
  const signedIn = () => ({ changes: 0, logins: 1, user: '1' })
  const generous = await liar(t, signedIn, (ctx) => ctx.set('Set-Cookie', 'sessionid=second; path=/'))
  t.deepEqual(await checkLogin(generous, true), { 'a login shown under the old key': 1 })
  t.deepEqual(await checkLogin(generous, false), {})
})
