import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Part } from '../../../scripts/maintainer/trim/parts.ts'
import { testsToRun } from '../../../scripts/maintainer/trim/selection.ts'

const FEATURES = 'src/features/index.ts'
const STORAGE = 'src/storage/index.ts'
const FILES = {
  [FEATURES]: '',
  [STORAGE]: '',
  'src/app.ts': `import './features/index.ts'\nimport './storage/index.ts'\n`,
  'src/session/session.ts': '',
  'test/whole.test.ts': `import '../src/app.ts'\n`,
  'test/features/shop/shop.test.ts': `import '../../../src/app.ts'\n`,
  'test/session/session.test.ts': `import '../../src/session/session.ts'\n`,
  'test/session/formats.test.ts': `import '../../src/storage/index.ts'\n`,
  'test/storage/parts.test.ts': `import '../../src/storage/index.ts'\n`,
  'test/storage/parts-redis.test.ts': `import '../../src/storage/index.ts'\n`,
  'test/scenarios/kept.test.ts': `import '../../src/app.ts'\n`,
  'test/maintainer/bench.test.ts': `import '../../src/app.ts'\n`,
}

function part(kind: Part['kind'], name: string): Part {
  const registry = kind === 'feature' ? FEATURES : STORAGE
  return { kind, name, lines: [{ registry, text: `'./${name}.ts'` }], places: [], requires: [] }
}

const [first, second, format, other, shop] = [
  part('engine', 'first'),
  part('engine', 'second'),
  part('format', 'format'),
  part('format', 'other'),
  part('feature', 'shop'),
] as const
const parts = [first, second, format, other, shop]

async function project(t: ExecutionContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-selection-'))
  t.teardown(() => rm(root, { recursive: true }))
  for (const [file, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  return root
}

test('a removal is tested by what reaches the registry that lost a line, and is about it', async (t) => {
  const folder = await project(t)
  const run = (...gone: Part[]) => testsToRun({ folder, parts, gone }).sort()
  t.deepEqual(run(shop), ['test/features/shop/shop.test.ts', 'test/whole.test.ts'])
  t.deepEqual(run(second), ['test/storage/parts.test.ts', 'test/whole.test.ts'])
  t.deepEqual(run(other), ['test/storage/parts.test.ts', 'test/whole.test.ts'])
})

test('features are tested again where the first engine goes, the session engine never', async (t) => {
  const folder = await project(t)
  const run = (...gone: Part[]) => testsToRun({ folder, parts, gone }).sort()
  t.true(run(first).includes('test/features/shop/shop.test.ts'))
  t.false(run(first, format).some((file) => file.startsWith('test/session/')))
})

test('all of them are those that need no service, and are not about the whole project', async (t) => {
  const folder = await project(t)
  const all = testsToRun({ folder, parts, gone: [shop] }, true)
  t.is(all.length, Object.keys(FILES).filter((file) => file.endsWith('.test.ts')).length - 2)
  t.true(all.includes('test/scenarios/kept.test.ts'))
})
