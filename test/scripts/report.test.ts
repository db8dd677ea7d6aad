import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { startProcess } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const FAILING = `
import test from 'ava'
test('passes', (t) => t.pass())
test.skip('is skipped', (t) => t.pass())
test('compares', (t) => t.deepEqual({ a: 1 }, { a: 2 }))
test('throws no error', () => { throw { thrown: 'object' } })
test('throws what cannot be changed', () => { throw Object.freeze(new Error('frozen')) })
test('throws a DOMException', () => { throw new DOMException('aborted', 'AbortError') })
test('throws several', () => { throw new AggregateError([new Error('first')], 'several') })
test('rejects several', (t) => {
  void Promise.reject(new AggregateError([new Error('first'), new Error('second')], 'unhandled'))
  t.pass()
})
test('throws with causes', () => {
  throw new Error('outer', { cause: new Error('inner', { cause: { code: 'INNERMOST' } }) })
})
`
const ENDING = `
import test from 'ava'
test('ends the process', () => process.exit(0))
`
const BROKEN = 'const value: = 1\n'

const RUN = `
const { runAva } = await import('./scripts/lib/ava.mjs')
console.log(JSON.stringify(await runAva(['test/*.test.ts'], {})))
`

test('the run prints a line per file, then each failure in full, for any thrown value', async (t) => {
  const folder = await cloneProject(t)
  await rm(join(folder, 'test'), { recursive: true })
  await mkdir(join(folder, 'test'))
  await writeFile(join(folder, 'test/failing.test.ts'), FAILING)
  await writeFile(join(folder, 'test/ending.test.ts'), ENDING)
  await writeFile(join(folder, 'test/broken.test.ts'), BROKEN)

  const run = startProcess(['--input-type=module', '--eval', RUN], { cwd: folder })
  t.is(await run.ended(), 0, run.output())
  const [lines = '', ...failures] = run.output().split('\nFAILED: ')
  t.regex(lines, /^ +\d+\.\d s {2}test\/failing\.test\.ts: 2 passed, 7 FAILED, 1 skipped$/m)
  t.regex(lines, /test\/ending\.test\.ts: 0 passed, 1 FAILED$/m)
  t.regex(lines, /test\/broken\.test\.ts: 0 passed, 1 FAILED$/m)
  for (const [title, ...texts] of [
    ['compares', '- a: 1'],
    ['throws no error', "thrown: 'object'"],
    ['throws what cannot be changed', 'frozen'],
    ['throws a DOMException', 'DOMException'],
    ['throws several', 'several'],
    ['unhandled-rejection', 'AggregateError: unhandled', 'Caused by: Error: first', 'Caused by: Error: second'],
    ['throws with causes', 'outer', 'Caused by: Error: inner', 'INNERMOST'],
    ['process.exit() was called', 'ending.test.ts:3'],
  ]) {
    const failure = failures.find((one) => one.includes(`\n${title}\n`))?.replaceAll(/([-+]) +/g, '$1 ')
    for (const text of texts) t.true(failure?.includes(text), `${title}: ${failure}`)
  }
  t.regex(run.output(), /\{"passed":2,"failed":9,"skipped":1\}/)
})
