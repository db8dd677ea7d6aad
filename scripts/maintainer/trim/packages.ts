import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readGraph } from './graph.ts'

const names = z.record(z.string(), z.string()).default({})
const manifest = z.object({
  scripts: names,
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
})
const mentioned = z.record(z.string(), z.unknown()).default({})
const lock = z.object({ packages: z.record(z.string(), z.record(z.string(), z.unknown())) })

const CODE = ['src', 'scripts', 'test', 'migrations', 'knexfile.ts', 'ava.config.mjs']
// Loaded by a name in a string, by Knex, pino and the compression of caches.
const LOADED_BY_NAME = ['sqlite3', 'pg', 'mysql2', 'pino-pretty', 'lz4-napi']

/** The packages that nothing imports or calls any more. */
export function unusedPackages(root: string): string[] {
  const { scripts, dependencies, devDependencies, optionalDependencies } = readManifest(root)
  const all = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
  const graph = readGraph(root, CODE)
  const used = new Set([...graph.values()].flatMap(({ packages }) => packages))
  const texts = [...Object.values(scripts), ...[...graph.keys()].map((file) => readFileSync(join(root, file), 'utf8'))]
  for (const name of all) {
    const isTool = texts.some(
      (text) => text.includes(`node_modules/${name}/`) || text.startsWith(`${name.split('/').at(-1)} `),
    )
    const isNamed = LOADED_BY_NAME.includes(name) && texts.some((text) => text.includes(`'${name}'`))
    if (isTool || isNamed || name === '@types/node') used.add(name)
  }
  // It grows while it is walked: what a package needs beside it, and its types.
  for (const name of used) for (const peer of peersOf(root, name)) if (all.includes(peer)) used.add(peer)
  return all.filter(
    (name) => !used.has(name) && !(name.startsWith('@types/') && used.has(name.slice('@types/'.length))),
  )
}

function peersOf(root: string, name: string): string[] {
  const file = join(root, 'node_modules', name, 'package.json')
  if (!existsSync(file)) return []
  return Object.keys(
    z.object({ peerDependencies: names }).parse(JSON.parse(readFileSync(file, 'utf8'))).peerDependencies,
  )
}

/** The names of `npm run`. */
export function scriptNames(root: string): string[] {
  return Object.keys(readManifest(root).scripts)
}

/** Removes commands whose script or tests are gone; with a new name also what was said of the whole. */
export function rewriteManifest(root: string, deleted: ReadonlySet<string>, name: string | undefined): void {
  const { scripts } = readManifest(root)
  const left = Object.entries(scripts).filter(
    ([, command]) =>
      !command.split(' ').some((word) => deleted.has(word)) &&
      (!/ --(faults|storms)$/.test(command) || existsSync(join(root, 'test', 'faults'))),
  )
  rewriteJson(join(root, 'package.json'), (read) => {
    const { description, ...rest } = read
    return { ...(name === undefined ? read : { ...rest, name }), scripts: Object.fromEntries(left) }
  })
}

/** Removes what package.json says of packages that the lock file does not have any more. */
export function dropMentions(root: string): void {
  const { packages } = lock.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
  const places = Object.keys(packages)
  const isThere = (name: string) => places.some((place) => place.endsWith(`node_modules/${name}`))
  rewriteJson(join(root, 'package.json'), (read) => {
    for (const key of ['overrides', 'allowScripts']) {
      const mentions = Object.entries(mentioned.parse(read[key])).filter(([name]) => isThere(name))
      if (mentions.length > 0) read[key] = Object.fromEntries(mentions)
      else delete read[key]
    }
    return read
  })
}

/** Gives the lock file the project's name, as npm does. */
export function nameLock(root: string, name: string): void {
  const file = join(root, 'package-lock.json')
  if (!existsSync(file)) return
  rewriteJson(file, (read) => {
    const { packages } = lock.parse(read)
    return { ...read, name, packages: { ...packages, '': { ...packages[''], name } } }
  })
}

function rewriteJson(file: string, change: (read: Record<string, unknown>) => Record<string, unknown>): void {
  const read = mentioned.parse(JSON.parse(readFileSync(file, 'utf8')))
  writeFileSync(file, `${JSON.stringify(change(read), undefined, 2)}\n`)
}

/** @throws ZodError for a package.json that npm would refuse, too */
function readManifest(root: string) {
  return manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
}
