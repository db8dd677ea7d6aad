import test from 'ava'
import { Explorer, type Finding, seeded } from './explore.ts'
import { loadPatched } from './implementation.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { type Op, type Program, pairs, triples } from './programs.ts'

/** For each program of three requests. */
const RANDOM_RUNS = 1000

for (const mutant of MUTANTS) {
  test.serial(`it detects the removal of: ${mutant.guard}`, async (t) => {
    const patched = await loadPatched([mutant.patch])
    t.teardown(patched.remove)
    const explorer = await Explorer.on(patched)
    const finding = await find(explorer, mutant)
    t.true(finding?.wrong.startsWith(mutant.breaks), finding?.wrong ?? 'nothing found')
    t.log(`${explorer.runs} runs: ${finding?.wrong.split('\n')[0]}`)
  })
}

async function find(explorer: Explorer, mutant: Mutant): Promise<Finding | undefined> {
  const { ops, faults = 0 } = mutant
  const programs =
    ops.length > 2 ? triples(faults) : [false, true].flatMap((oneProcess) => pairs({ faults, oneProcess }))
  const random = seeded(1)
  for (const program of programs.filter((each) => doesAll(each, ops))) {
    if (ops.length === 2) {
      const { finding } = await explorer.exhaust(program)
      if (finding !== undefined) return finding
    }
    for (let run = 0; ops.length > 2 && run < RANDOM_RUNS; run++) {
      const finding = await explorer.random(program, random)
      if (finding !== undefined) return finding
    }
  }
  return undefined
}

/** Whether each of these is done by a separate request. */
function doesAll({ requests }: Program, ops: readonly Op[]): boolean {
  const left = [...requests]
  return ops.every((op) => {
    const at = left.findIndex((request) => request.ops.includes(op))
    if (at >= 0) left.splice(at, 1)
    return at >= 0
  })
}
