import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Part } from '../../../scripts/maintainer/trim/parts.ts'
import { testsToRun } from '../../../scripts/maintainer/trim/selection.ts'

const FILES = {
  'test/support/routes.ts': '',
  'test/features/shop/access.ts': `export const access = { 'GET /stalls/:id': 'everyone' }`,
  'test/app.test.ts': '',
  'test/app-redis.test.ts': `const names = ['second', 'shop']`,
  'docs/operating.md': '# Operating',
  'test/docs/links.test.ts': '',
  'test/docs/operating.test.ts': '',
  'test/features/registry.test.ts': '',
  'test/features/help/help.test.ts': `get('/stalls/1')`,
  'test/session/session.test.ts': `const name = 'second'`,
  'test/storage/parts.test.ts': '',
  'test/scenarios/kept.test.ts': `get('/stalls/1')`,
  'test/scenarios/named.test.ts': `const name = 'second'`,
  'test/web/all.test.ts': `import '../support/routes.ts'`,
  'test/maintainer/bench.test.ts': `const name = 'second'`,
  'test/faults/storm.test.ts': `const name = 'second'`,
}

const part = (kind: Part['kind'], name: string): Part => ({ kind, name, lines: [], places: [], requires: [] })
const first = part('engine', 'first')
const second = part('engine', 'second')
const shop = part('feature', 'shop')
const parts = [first, second, shop]

async function project(t: ExecutionContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-selection-'))
  t.teardown(() => rm(root, { recursive: true }))
  for (const [file, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  return root
}

test('a removal is tested by what names it or its paths, and by suites of all parts', async (t) => {
  const root = await project(t)
  const run = (...gone: Part[]) => testsToRun({ root, folder: root, parts, gone }).sort()
  t.deepEqual(run(shop), [
    'test/docs/links.test.ts',
    'test/features/help/help.test.ts',
    'test/features/registry.test.ts',
    'test/web/all.test.ts',
  ])
  t.deepEqual(run(second), ['test/docs/links.test.ts', 'test/scenarios/named.test.ts', 'test/storage/parts.test.ts'])
})

test('a slow test of a document runs where the removal has changed it', async (t) => {
  const [root, folder] = [await project(t), await project(t)]
  const run = () => testsToRun({ root, folder, parts, gone: [shop] }).includes('test/docs/operating.test.ts')
  t.false(run())
  await writeFile(join(folder, 'docs/operating.md'), '# Running')
  t.true(run())
  await rm(join(folder, 'docs/operating.md'))
  t.true(run())
})

test('where the first engine goes the others are tested on the next one, except those that take long', async (t) => {
  const root = await project(t)
  t.deepEqual(testsToRun({ root, folder: root, parts, gone: [first] }).sort(), [
    'test/app.test.ts',
    'test/docs/links.test.ts',
    'test/features/help/help.test.ts',
    'test/features/registry.test.ts',
    'test/storage/parts.test.ts',
    'test/web/all.test.ts',
  ])
})

test('all of them are those that need no service, and are not about the whole project', async (t) => {
  const root = await project(t)
  const all = testsToRun({ root, folder: root, parts, gone: [shop] }, true)
  t.is(all.length, Object.keys(FILES).filter((file) => file.endsWith('.test.ts')).length - 3)
  t.true(all.includes('test/scenarios/kept.test.ts'))
})
