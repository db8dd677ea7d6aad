import test, { type ExecutionContext } from 'ava'
import { storm } from '../../support/storm.ts'
import { Explorer, type Finding, printed, seeded } from './explore.ts'
import { loadEngine } from './implementation.ts'
import { type Program, pairs, randomProgram, triples } from './programs.ts'

/** Seconds for what is sampled; with EXPLORER_SECONDS=3600 nothing is, and every pair is tried with one fault. */
const SECONDS = Number(process.env['EXPLORER_SECONDS'] ?? (storm ? 30 : 6))
const SHARE = (SECONDS * 1000) / 3
// Always the same in a run of all tests, so that it fails for what was changed and not by chance.
const SEED = Number(process.env['EXPLORER_SEED'] ?? 1)
const RUNS_EACH = 5

const engine = await loadEngine()

test.serial('two overlapping requests in two processes, in every order', async (t) => {
  await exhaust(t, pairs({ faults: 0, oneProcess: false }), Number.POSITIVE_INFINITY)
})

test.serial('two overlapping requests that queue in one process', async (t) => {
  await exhaust(t, pairs({ faults: 0, oneProcess: true }), SHARE)
})

test.serial(
  'two overlapping requests, and one call of the store that is lost or one record that is evicted',
  async (t) => {
    const programs = [true, false].flatMap((oneProcess) => pairs({ faults: 1, oneProcess }))
    await exhaust(t, [...programs, ...pairs({ faults: 1, oneProcess: false, evicts: true })], SHARE)
  },
)

test.serial('up to four requests with up to two faults, at random', async (t) => {
  t.timeout(SHARE + 60_000)
  const explorer = await Explorer.on(engine)
  const random = seeded(SEED)
  const three = [0, 1].flatMap(triples)
  const end = performance.now() + SHARE
  while (performance.now() < end) {
    const program = random() < 0.3 ? three[Math.floor(random() * three.length)] : randomProgram(random)
    if (program === undefined) continue
    for (let run = 0; run < RUNS_EACH; run++) {
      const finding = await explorer.random(program, random)
      if (finding !== undefined) return fail(t, finding)
    }
  }
  t.log(`${explorer.runs} runs; seed ${SEED}`)
  t.pass()
})

test.serial('a printed schedule can be replayed', async (t) => {
  const explorer = await Explorer.on(engine)
  const [program] = pairs({ faults: 0, oneProcess: false })
  if (program === undefined) return t.fail()
  const schedule: string[] = []
  t.is(await explorer.random(program, seeded(7), schedule), undefined)
  const again: string[] = []
  t.is(await explorer.replay(program, schedule, again), undefined)
  t.deepEqual(again, schedule)
  t.true(schedule.length > 5)
  await t.throwsAsync(explorer.replay(program, ['R9  sleeps']), { message: /No such step/ })
})

/** Every order of as many programs as the time in milliseconds allows. */
async function exhaust(t: ExecutionContext, programs: readonly Program[], time: number): Promise<void> {
  t.timeout(Math.min(time, 3_600_000) + 600_000)
  const explorer = await Explorer.on(engine)
  const end = performance.now() + time
  let complete = 0
  for (const program of shuffled(programs, seeded(SEED))) {
    if (performance.now() > end) break
    const result = await explorer.exhaust(program, end)
    if (result.finding !== undefined) return fail(t, result.finding)
    if (result.complete) complete++
  }
  t.true(complete === programs.length || time < Infinity)
  t.log(`${complete} of ${programs.length} programs, ${explorer.runs} runs; seed ${SEED}`)
}

function fail(t: ExecutionContext, finding: Finding): void {
  t.fail(`${printed(finding)}\nEXPLORER_SEED=${SEED}`)
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item)
}
