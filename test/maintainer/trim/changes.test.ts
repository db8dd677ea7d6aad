import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { applyChanges, CODE, planChanges } from '../../../scripts/maintainer/trim/changes.ts'
import { ChoiceError } from '../../../scripts/maintainer/trim/choice.ts'
import { missingImports, readGraph } from '../../../scripts/maintainer/trim/graph.ts'
import { unusedPackages } from '../../../scripts/maintainer/trim/packages.ts'
import { type Part, readParts } from '../../../scripts/maintainer/trim/parts.ts'
import { projectRoot } from '../../../src/paths.ts'

const FILES = {
  'src/server.ts': "import './features/index.ts'\nimport type { Shared } from './shared.ts'\n",
  'src/shared.ts': '',
  'src/features/index.ts':
    "export default [\n  () => import('./shop/index.ts'),\n  () => import('./help/index.ts'),\n]\n",
  'src/features/shop/index.ts': "import '../../shared.ts'\nimport '../../only-for-shops.ts'\nimport 'shop-package'\n",
  'src/features/help/index.ts': '',
  'src/only-for-shops.ts': '',
  'views/shop/shop.njk': '',
  'test/features/shop/steps.ts': '',
  'test/buying.test.ts': "import './support/buyer.ts'\n",
  'test/support/buyer.ts': "import '../features/shop/steps.ts'\n",
  'test/help.test.ts': "import '../src/features/help/index.ts'\nconst program = \"import './not-there.ts'\"\n",
  'test/maintainer/all.test.ts': '',
  'test/faults/storm.test.ts': '',
  'scripts/task.ts': '',
}

const SHOP: Part = {
  kind: 'feature',
  name: 'shop',
  lines: [{ registry: 'src/features/index.ts', text: "'./shop/index.ts'" }],
  places: ['src/features/shop', 'views/shop', 'test/features/shop'],
  requires: [],
}

async function project(t: ExecutionContext, changed: Record<string, string> = {}): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-trim-'))
  t.teardown(() => rm(root, { recursive: true }))
  for (const [file, text] of Object.entries({ ...FILES, ...changed })) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  return root
}

test('a part goes with what it alone reaches, and tests that break; what others use stays', async (t) => {
  const root = await project(t)
  const planned = planChanges(root, [SHOP], false)
  t.deepEqual([...planned.deleted].sort(), [
    'src/features/shop/index.ts',
    'src/only-for-shops.ts',
    'test/buying.test.ts',
    'test/features/shop/steps.ts',
    'test/support/buyer.ts',
    'views/shop/shop.njk',
  ])
  t.true(existsSync(join(root, 'src/features/shop/index.ts')), 'a plan changes nothing')
  applyChanges(root, planned)
  t.false(existsSync(join(root, 'views')), 'an empty folder goes as well')
  t.is(
    await readFile(join(root, 'src/features/index.ts'), 'utf8'),
    "export default [\n  () => import('./help/index.ts'),\n]\n",
  )
  t.true(existsSync(join(root, 'src/shared.ts')))
})

test('what only maintainers need goes where the whole project is trimmed', async (t) => {
  const root = await project(t)
  t.deepEqual([...planChanges(root, [], true).deleted], ['test/faults/storm.test.ts', 'test/maintainer/all.test.ts'])
  t.deepEqual([...planChanges(root, [], false).deleted], [])
})

test('a registry without the line, or with two, is refused', async (t) => {
  const registry = FILES['src/features/index.ts']
  for (const text of [registry.replace(/.*shop.*\n/, ''), registry.replace(/.*shop.*\n/, '$&$&')]) {
    const root = await project(t, { 'src/features/index.ts': text })
    t.throws(() => planChanges(root, [SHOP], false), { instanceOf: ChoiceError, message: /does not have one line/ })
  }
})

test('a part that the application still imports is refused, types included', async (t) => {
  for (const line of ["import './features/shop/index.ts'", "import type { Shop } from './features/shop/index.ts'"]) {
    const root = await project(t, { 'src/server.ts': `${FILES['src/server.ts']}${line}\n` })
    t.throws(() => planChanges(root, [SHOP], false), {
      instanceOf: ChoiceError,
      message: 'What goes is still imported by src/server.ts.',
    })
  }
})

test('the graph has files and packages, however they are imported', async (t) => {
  const root = await project(t, {
    'src/shared.ts':
      "import type { A } from './a.ts'\nexport { b } from '@scope/b/deep'\n// import './comment.ts'\nimport('c')\nrequire('d/e')\nimport 'node:fs'\nimport {\n  f,\n} from './server.ts'\n",
  })
  const graph = readGraph(root, ['src'])
  t.deepEqual(graph.get('src/shared.ts'), { files: ['src/a.ts', 'src/server.ts'], packages: ['@scope/b', 'c', 'd'] })
  t.deepEqual([...missingImports(graph)], ['src/shared.ts -> src/a.ts'])
})

test('every part of this project can be removed alone, judging by its imports', async (t) => {
  for (const part of await readParts(projectRoot)) {
    if (part.kind !== 'feature') t.notThrows(() => planChanges(projectRoot, [part], false), part.name)
  }
})

test('without Redis nothing imports its package, so that it goes', async (t) => {
  const redis = (await readParts(projectRoot)).filter(({ name }) => name === 'redis')
  const left = readGraph(projectRoot, CODE, planChanges(projectRoot, redis, false))
  const users = [...left].filter(([, { packages }]) => packages.includes('redis')).map(([file]) => file)
  t.deepEqual(users, [])
})

test('no package of the whole project counts as unused, or every removal would drop it', (t) => {
  t.deepEqual(unusedPackages(projectRoot), [])
})
