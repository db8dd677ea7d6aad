import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import Koa, { type Context } from 'koa'
import { CANDIDATES } from '../../scripts/maintainer/bench/candidates.ts'
import { KINDS } from '../../scripts/maintainer/bench/pages.ts'
import type { Result } from '../../scripts/maintainer/bench/report.ts'
import type { Measurement } from '../../scripts/maintainer/bench/rounds.ts'
import { checkChanges, checkLogin } from '../../scripts/maintainer/bench/saved.ts'
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

const QUICK = ['--rounds', '1', '--seconds', '0.1', '--sessions', '6', '--connections', '3']

async function bench(t: ExecutionContext, ...args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'bench.json')
  const program = startProcess([TYPESCRIPT, 'scripts/maintainer/bench.ts', '--json', file, ...args])
  const code = await program.ended()
  return { code, output: program.output(), report: async () => JSON.parse(await readFile(file, 'utf8')) as Report }
}

// The others differ in their storage alone; bare Koa is always measured.
const CHOSEN = ['koa', 'koa-session', 'db']
const MEASURED = storm ? Object.keys(CANDIDATES) : CHOSEN

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
    t.deepEqual(pages.sort(), KINDS.flatMap((kind) => measured.map((name) => `${kind} ${name}`)).sort())
  }
  // On a busy machine one page may get no answer in such a short measurement, but not every page.
  for (const name of measured) {
    const answered = results.filter(({ candidate, requestsPerSecond }) => candidate === name && requestsPerSecond > 0)
    t.true(answered.length > 0, name)
    for (const { kind, p50, p99 } of answered) t.true(p50 > 0 && p99 >= p50, `${name}, ${kind}`)
  }
  for (const { candidate, kind, wrong, ratio, cpu, cpuRatio } of results) {
    t.deepEqual(wrong, {}, `${candidate}, ${kind}`)
    // The system counts CPU time in steps that may be longer than such a short measurement: then there is no ratio.
    for (const figure of [cpu, ratio ?? 0, cpuRatio ?? 0]) t.true(figure >= 0, `${candidate}, ${kind}`)
    if (candidate === 'koa') t.is(ratio ?? 1, 1)
  }
  for (const [name, reason] of Object.entries(leftOut)) {
    t.not(CANDIDATES[name]?.needs, undefined, `${name}: ${reason}`)
    t.regex(reason, /^There is no (redis-server|memcached) /)
    t.true(output.includes(`left out: ${name}: ${reason}`))
  }
  for (const name of measured) t.regex(output, new RegExp(`^${name} +\\d+`, 'm'))
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
