import { readdirSync, readFileSync, statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'

/** What one module imports: files of the project, from its root with slashes, and packages. */
export interface Module {
  readonly files: readonly string[]
  readonly packages: readonly string[]
}

/** The project's modules by their path from its root, with slashes on every system. */
export type Graph = ReadonlyMap<string, Module>

const MODULE = /\.(?:m?[jt]s|json)$/
const COMMENT = /\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*$/gm
const IMPORT = /(?:\bfrom|\bimport\(?|\brequire\(|\bresolve\()\s*'([^'\n]+)'/g

/** Changes to files that are planned, and not made yet. */
export interface Planned {
  readonly deleted: ReadonlySet<string>
  /** New texts by file. */
  readonly written: ReadonlyMap<string, string>
}

/**
 * Reads which module imports which, types included: a compiler's own graph leaves out what is only a type.
 *
 * @param root the project's folder
 * @param folders where to look, from the root
 * @param planned read as if this had been done; nothing by default
 */
export function readGraph(root: string, folders: readonly string[], planned?: Planned): Graph {
  const graph = new Map<string, Module>()
  for (const file of folders.flatMap((folder) => filesUnder(root, folder))) {
    if (!MODULE.test(file) || planned?.deleted.has(file)) continue
    graph.set(file, moduleOf(file, planned?.written.get(file) ?? readFileSync(join(root, file), 'utf8')))
  }
  return graph
}

/** Every file under a folder or file, from the root with slashes; none where there is no such folder. */
export function filesUnder(root: string, path: string): string[] {
  const found = statSync(join(root, path), { throwIfNoEntry: false })
  if (found === undefined) return []
  if (found.isFile()) return [path]
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => slashed(relative(root, join(entry.parentPath, entry.name))))
    .sort()
}

function moduleOf(file: string, source: string): Module {
  const text = source.replace(COMMENT, '')
  const files: string[] = []
  const packages: string[] = []
  for (const [, target = ''] of text.matchAll(IMPORT)) {
    if (target.startsWith('.')) files.push(slashed(join(dirname(file), target)))
    else if (!target.startsWith('node:') && !builtinModules.includes(target)) packages.push(packageName(target))
  }
  return { files, packages }
}

function packageName(target: string): string {
  const [first = '', second = ''] = target.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

/** The modules that are reached from these, themselves included. */
export function reachable(graph: Graph, roots: Iterable<string>): Set<string> {
  const found = new Set<string>()
  const waiting = [...roots]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const module = graph.get(file)
    if (module === undefined || found.has(file)) continue
    found.add(file)
    waiting.push(...module.files)
  }
  return found
}

/** Imports of files that are not there, as "file -> target": texts of programs in tests look like that, too. */
export function missingImports(graph: Graph): Set<string> {
  const missing = new Set<string>()
  for (const [file, { files }] of graph) {
    for (const target of files) if (MODULE.test(target) && !graph.has(target)) missing.add(`${file} -> ${target}`)
  }
  return missing
}

/**
 * The modules that import, directly or through others, a file that is not there.
 *
 * @param known missing imports that do not count
 */
export function brokenModules(graph: Graph, known: ReadonlySet<string>): Set<string> {
  const importers = new Map<string, string[]>()
  const found = new Set<string>()
  for (const [file, { files }] of graph) {
    for (const target of files) {
      importers.set(target, [...(importers.get(target) ?? []), file])
      if (MODULE.test(target) && !graph.has(target) && !known.has(`${file} -> ${target}`)) found.add(file)
    }
  }
  // It grows while it is walked.
  for (const file of found) for (const importer of importers.get(file) ?? []) found.add(importer)
  return found
}

function slashed(path: string): string {
  return path.split(sep).join('/')
}
