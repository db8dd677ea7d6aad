import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
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
const RUN_BATCH = `
const { globs, filesIn } = await import('./scripts/lib/globs.mjs')
const { inBatches } = await import('./scripts/lib/test-batches.mjs')
const { runAva } = await import('./scripts/lib/ava.mjs')
const files = inBatches(filesIn('test', globs(['test/**/*.test.ts', '!test/excluded*'])))
console.log(JSON.stringify({ files, counts: await runAva(files, {}) }))
`
/** Prints what is called in which order, and when a test or hook of another file is. */
const suite = (name: string) => `
import test from 'ava'
const { setTimeout: wait } = await import('node:timers/promises')
const called = (globalThis.called ??= [])
const order = (text: string) => void called.push('${name} ' + text)
test.before('with a title', (t) => {
  order('before')
  t.pass()
})
test.beforeEach(() => order('before each'))
test.afterEach.always(() => order('after each'))
test.after.always(() => order('after'))
test('slow', async (t) => { order('slow begins'); await wait(50); order('slow ends'); t.pass() })
test('the same title', (t) => { t.teardown(() => order('teardown')); order('quick'); t.pass() })
test.serial('first', async (t) => { order('serial'); await wait(5); t.pass() })
test.skip('is skipped', (t) => t.pass())
`
const ORDER = [
  ['before', 'before each', 'serial', 'after each', 'before each', 'before each', 'slow begins', 'quick', 'teardown'],
  ['after each', 'slow ends', 'after each', 'after'],
].flat()
const LAST = `
import { writeFileSync } from 'node:fs'
import test from 'ava'
test('the same title', (t) => {
  t.is(process.pid, globalThis.pid ?? process.pid)
  writeFileSync('called.json', JSON.stringify(globalThis.called))
  t.deepEqual({ a: 1 }, { a: 2 })
})
test.before(() => {})
`
const WITHOUT_SET_UP = `
import test from 'ava'
test.before(() => { throw new Error('no database') })
test('needs it', (t) => t.pass())
`
const ALONE = `
import test from 'ava'
// In its own process: this changes it.
test('has its own process', (t) => t.is((globalThis as { called?: unknown }).called, undefined))
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

test('files in a batch keep their hooks, their order and their lines in the report', async (t) => {
  const folder = await cloneProject(t)
  await rm(join(folder, 'test'), { recursive: true })
  await mkdir(join(folder, 'test'), { recursive: true })
  const files = { 'a.test.ts': suite('a'), 'b.test.ts': suite('b'), 'c.test.ts': BROKEN, 'd.test.ts': WITHOUT_SET_UP }
  const others = { 'e.test.ts': LAST, 'alone.test.ts': ALONE, 'slow.test.ts': ALONE, 'excluded.test.ts': ENDING }
  for (const [file, source] of Object.entries({ ...files, ...others }))
    await writeFile(join(folder, 'test', file), source)

  // As the last run has found.
  const seconds = ['a', 'b', 'c', 'd', 'e', 'alone'].map((name) => [`test/${name}.test.ts`, 0.001])
  const slow = [['test/slow.test.ts', 100]]
  await mkdir(join(folder, '.cache'))
  await writeFile(join(folder, '.cache/test-durations.json'), JSON.stringify(Object.fromEntries([...seconds, ...slow])))
  const run = startProcess(['--input-type=module', '--eval', RUN_BATCH], { cwd: folder })
  t.is(await run.ended(), 0, run.output())
  const output = run.output()
  for (const line of [
    'test/a.test.ts: 3 passed, 1 skipped',
    'test/b.test.ts: 3 passed, 1 skipped',
    'test/c.test.ts: 0 passed, 1 FAILED',
    'test/d.test.ts: 0 passed, 1 FAILED',
    'test/e.test.ts: 0 passed, 1 FAILED',
    'test/alone.test.ts: 1 passed',
    'test/slow.test.ts: 1 passed',
  ]) {
    t.true(output.includes(`s  ${line}\n`), `${line}: ${output}`)
  }
  t.regex(output, /FAILED: test\/d\.test\.ts\nneeds it\n[\s\S]*no database/)
  t.regex(output, /FAILED: test\/e\.test\.ts\nthe same title\n[\s\S]*- {3}a: 1/)
  t.regex(output, /"files":\[".cache\/batches\/\d+\/0.test.mjs","test\/alone.test.ts","test\/slow.test.ts"\]/)
  t.regex(output, /\{"passed":8,"failed":3,"skipped":2\}/)
  const called: string[] = JSON.parse(await readFile(join(folder, 'called.json'), 'utf8'))
  t.deepEqual(called, [...ORDER.map((text) => `a ${text}`), ...ORDER.map((text) => `b ${text}`)])
})
