import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CODE } from './changes.ts'
import { reachable, readGraph } from './graph.ts'
import type { Part } from './parts.ts'

const NEEDS_SERVICE = /\/browser\/|-(redis|redis-servers|memcached|mariadb|postgresql)\.test\.ts$/
const OF_MAINTAINERS = /^test\/(maintainer|faults)\//
// They repeat one promise on every set-up, at every step or under load, or start programs.
const SLOW_FOLDERS = /^test\/(contract|scenarios|security|start)\//
const SLOW_FILES =
  /\/(every-engine|log-keeps-secrets.*|operating|second-factor|sessions|sessions-engines|sessions-show)\.test\.ts$/
// Suites of all features, and of all parts of storage.
const OF_FEATURES = ['test/support/routes.ts', 'test/support/stories.ts']
const OF_STORAGE = /^test\/storage\/|^test\/config\.test\.ts$/
const OF_DOCUMENTS = /^test\/docs\//
const OF_PAGES = /^test\/(features\/registry|web\/translations)\.test\.ts$/

/** What has been removed from a project. */
export interface Removal {
  /** The project before the removal. */
  readonly root: string
  /** The project after it. */
  readonly folder: string
  /** Its parts before the removal. */
  readonly parts: readonly Part[]
  readonly gone: readonly Part[]
}

/**
 * The tests that are left, need no service, and could notice the removal. What imports a part went with it, and what has
 * lost an import does not pass the type check; so these are the tests that name a part in quotes, or a path of its routes,
 * the suites of all parts, and of documents. Where the first engine goes, all else runs on another one: then also most
 * other tests.
 *
 * @param all whether every test is named that needs no service
 */
export function testsToRun({ root, folder, parts, gone }: Removal, all = false): string[] {
  const graph = readGraph(folder, CODE)
  const tests = [...graph.keys()].filter(
    (file) => file.endsWith('.test.ts') && !NEEDS_SERVICE.test(file) && !OF_MAINTAINERS.test(file),
  )
  if (all) return tests
  const names = gone.map(({ name }) => `'${name}'`)
  const paths = gone.flatMap((part) => pathsOf(root, part))
  const isOnPages = gone.some(({ kind }) => kind === 'feature' || kind === 'language')
  const isStorage = gone.some(({ kind }) => kind !== 'feature' && kind !== 'language')
  const losesFirst = gone.some((part) => part.kind === 'engine' && parts.find(({ kind }) => kind === 'engine') === part)
  return tests.filter((file) => {
    if (file.startsWith('test/session/')) return false
    const text = readFileSync(join(folder, file), 'utf8')
    if (names.some((name) => text.includes(name))) return true
    if (isStorage && OF_STORAGE.test(file)) return true
    if (OF_DOCUMENTS.test(file)) return !isSlow(file) || isCut(file, root, folder)
    if (isSlow(file)) return false
    if (paths.some((path) => text.includes(path))) return true
    if (isOnPages && OF_PAGES.test(file)) return true
    return losesFirst || (isOnPages && OF_FEATURES.some((suite) => reachable(graph, [file]).has(suite)))
  })
}

const isSlow = (file: string) => SLOW_FOLDERS.test(file) || SLOW_FILES.test(file)

/** Whether the removal has changed, or deleted, the document that a test in test/docs/ is about. */
function isCut(test: string, root: string, folder: string): boolean {
  const document = test.replace(/^test\/(.+)\.test\.ts$/, '$1.md')
  const [before, after] = [root, folder].map((place) => join(place, document)).map(textOf)
  return before !== after
}

function textOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** The paths of a feature's routes, each after a quotation mark. */
function pathsOf(root: string, { kind, name }: Part): string[] {
  const file = join(root, 'test', 'features', name, 'access.ts')
  if (kind !== 'feature' || !existsSync(file)) return []
  const paths = [...readFileSync(file, 'utf8').matchAll(/'[A-Z]+ (\/[^':]+)/g)].map(([, path = '']) => path)
  return [...new Set(paths)].flatMap((path) => [`'${path}`, `\`${path}`])
}
