import { CODE } from './changes.ts'
import { reachable, readGraph } from './graph.ts'
import type { Part } from './parts.ts'

const NEEDS_SERVICE = /^test\/browser\/|-(redis|redis-servers|memcached|mariadb|postgresql)\.test\.ts$/
// They repeat one promise on every set-up, at every step or under load, or start programs. A removal changes how often they
// repeat it; what else it could break in them is found by the type check, and by --all.
const SLOW =
  /^test\/(contract|scenarios|security|start)\/|\/(every-engine|sessions|sessions-engines|sessions-show|one-account-on-many-devices|cart-and-account|checkout|devices|password-and-data|log-keeps-secrets)\.test\.ts$/

/** What has been removed from a project. */
export interface Removal {
  /** The project, after the removal. */
  readonly folder: string
  /** Its parts before the removal. */
  readonly parts: readonly Part[]
  readonly gone: readonly Part[]
}

/**
 * The tests that are left, need no service, and could notice the removal: those that reach a registry which lost a line,
 * and are about what the removal changes. Features are tested on the first engine of the project, and so notice if that
 * goes; the session engine is tested in its own format, whatever the application offers.
 *
 * @param all whether tests that are slow, or hardly notice it, are named as well
 */
export function testsToRun({ folder, parts, gone }: Removal, all = false): string[] {
  const graph = readGraph(folder, CODE)
  const tests = [...graph.keys()].filter(
    (file) => file.endsWith('.test.ts') && !NEEDS_SERVICE.test(file) && !file.startsWith('test/maintainer/'),
  )
  if (all) return tests
  const changed = new Set(gone.flatMap(({ lines }) => lines.map(({ registry }) => registry)))
  const notices = (file: string) => [...reachable(graph, [file])].some((module) => changed.has(module))
  const folders = new Set(['docs', 'web'])
  for (const part of gone) {
    const isOnPages = part.kind === 'feature' || part.kind === 'language'
    const isFirst = parts.find(({ kind }) => kind === part.kind) === part
    for (const name of isOnPages ? ['features'] : ['scripts', 'storage']) folders.add(name)
    if (part.kind === 'engine' && isFirst) folders.add('features')
  }
  const isNear = (file: string) => /^test\/[^/]+$/.test(file) || folders.has(file.split('/')[1] ?? '')
  return tests.filter((file) => isNear(file) && !SLOW.test(file) && notices(file))
}
