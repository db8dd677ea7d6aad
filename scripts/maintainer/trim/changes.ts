import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ChoiceError } from './choice.ts'
import { brokenModules, filesUnder, type Graph, missingImports, type Planned, reachable, readGraph } from './graph.ts'
import type { Part } from './parts.ts'

export const CODE = ['src', 'examples', 'scripts', 'test', 'migrations', 'knexfile.ts', 'ava.config.mjs']
const TEXTS = ['views', 'docs', 'ops']
const MAINTAINER = /(^|\/)maintainer\/|^(examples|test\/faults)\//
// Beside these, every file of a feature, every migration and every script is used by its name or by a command.
const ENTRANCES = ['src/server.ts', 'src/session/index.ts', 'knexfile.ts', 'ava.config.mjs']
const USED_BY_NAME = /^(src\/features\/[^/]+\/|src\/session\/testing\/|migrations\/|scripts\/)/

/**
 * Plans the removal of parts: their registry lines and places, then every module that nothing reaches any more, and
 * every test that imports what is gone. Changes nothing.
 *
 * @param whole whether what only maintainers need goes as well
 * @throws ChoiceError where a registry does not have exactly one line for a part, or the application still needs what goes
 */
export function planChanges(root: string, parts: readonly Part[], whole: boolean): Planned {
  const written = withoutLines(root, parts)
  const places = parts.flatMap((part) => part.places.map(matching))
  const deleted = new Set(
    [...CODE, ...TEXTS]
      .flatMap((folder) => filesUnder(root, folder))
      .filter((file) => places.some((place) => place.test(file)) || (whole && MAINTAINER.test(file))),
  )
  const planned = { deleted, written }
  const before = readGraph(root, CODE)
  const known = missingImports(before)
  const used = usedIn(before)
  const tested = testedIn(before)
  for (let size = -1; size < deleted.size; ) {
    size = deleted.size
    const after = readGraph(root, CODE, planned)
    const [stillUsed, stillTested] = [usedIn(after), testedIn(after)]
    const broken = brokenModules(after, known)
    for (const file of after.keys()) {
      const isTest = file.startsWith('test/')
      // What nothing reaches any more; and what breaks, unless the application needs it.
      if (isTest ? tested.has(file) && !stillTested.has(file) : used.has(file) && !stillUsed.has(file))
        deleted.add(file)
      if (broken.has(file) && (isTest || !stillUsed.has(file))) deleted.add(file)
    }
  }
  const needed = brokenModules(readGraph(root, CODE, planned), known)
  if (needed.size > 0) throw new ChoiceError(`What goes is still imported by ${[...needed].join(', ')}.`)
  return planned
}

/** Deletes and writes, and removes folders that are left empty. */
export function applyChanges(root: string, { deleted, written }: Planned): void {
  for (const [file, text] of written) if (!deleted.has(file)) writeFileSync(join(root, file), text)
  for (const file of deleted) {
    rmSync(join(root, file))
    for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) {
      if (!existsSync(join(root, folder)) || readdirSync(join(root, folder)).length > 0) break
      rmdirSync(join(root, folder))
    }
  }
}

function withoutLines(root: string, parts: readonly Part[]): Map<string, string> {
  const written = new Map<string, string>()
  for (const { registry, text } of parts.flatMap((part) => part.lines)) {
    const lines = (written.get(registry) ?? readFileSync(join(root, registry), 'utf8')).split('\n')
    const left = lines.filter((line) => !line.includes(text))
    if (left.length !== lines.length - 1) throw new ChoiceError(`${registry} does not have one line with ${text}.`)
    written.set(registry, left.join('\n'))
  }
  return written
}

/** Matches a place itself and all that is in it; "*" is any one folder. */
function matching(place: string): RegExp {
  const escaped = place.replace(/[.\\+?^${}()|[\]]/g, '\\$&').replaceAll('*', '[^/]+')
  return new RegExp(`^${escaped}(/|$)`)
}

/** What the application and the commands use. */
function usedIn(graph: Graph): Set<string> {
  const entrances = [...graph.keys()].filter((file) => USED_BY_NAME.test(file) && !MAINTAINER.test(file))
  return reachable(graph, [...ENTRANCES, ...entrances])
}

/** What suites use, and what they find by its name: what features tell suites of all features, set-ups of storage. */
function testedIn(graph: Graph): Set<string> {
  return reachable(
    graph,
    [...graph.keys()].filter((file) => TESTS.test(file)),
  )
}

const TESTS = /\.test\.ts$|^test\/features\/[^/]+\/(pages|stories|refusals|without-scripts)|^test\/storage\/\w+\//
