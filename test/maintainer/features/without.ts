import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadFeatures } from '../../../src/features/index.ts'
import { removeFeatures, withDependents } from '../../support/features.ts'
import { cloneProject } from '../../support/project.ts'

// What needs no service.
const SUITES = [
  'test/*.test.ts',
  'test/{features,web,start,scripts,stories,docs}/**/*.test.ts',
  '!test/**/*-{redis,redis-servers,memcached,mariadb,postgresql}.test.ts',
]

/**
 * Runs the tests that a clone without this feature has left.
 *
 * @returns whether they all pass
 */
export async function testWithout(feature: string, suites: readonly string[] = SUITES): Promise<boolean> {
  const teardowns: (() => Promise<void>)[] = []
  try {
    const folder = await cloneProject({ teardown: (work) => void teardowns.push(work) })
    const removed = await removeFeatures(folder, await withDependents(feature))
    console.log(`Without ${feature} go ${removed.length} test modules: ${removed.sort().join(', ')}`)
    const ava = join('node_modules', 'ava', 'entrypoints', 'cli.mjs')
    const { status } = spawnSync(process.execPath, [ava, ...suites], { cwd: folder, stdio: 'inherit' })
    return status === 0
  } finally {
    for (const work of teardowns) await work()
  }
}

// node --import=tsx test/maintainer/features/without.ts [feature …]
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const asked = process.argv.slice(2)
  const names = asked.length > 0 ? asked : (await loadFeatures()).map(({ name }) => name)
  for (const name of names) if (!(await testWithout(name))) process.exitCode = 1
}
