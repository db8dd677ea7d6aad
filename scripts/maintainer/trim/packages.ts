import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readGraph } from './graph.ts'

const names = z.record(z.string(), z.string()).default({})
const manifest = z.looseObject({
  name: z.string(),
  scripts: names,
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
})

const CODE = ['src', 'scripts', 'test', 'migrations', 'knexfile.ts', 'ava.config.mjs']
// Knex and pino load these by a name in a string.
const LOADED_BY_NAME = ['sqlite3', 'pg', 'mysql2', 'pino-pretty']

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

/** Commands whose script is gone, the project's name, and nothing else of package.json. */
export function rewriteManifest(root: string, deleted: ReadonlySet<string>, name: string | undefined): void {
  const file = join(root, 'package.json')
  const read = readManifest(root)
  const scripts = Object.fromEntries(
    Object.entries(read.scripts).filter(([, command]) => !command.split(' ').some((word) => deleted.has(word))),
  )
  writeFileSync(file, `${JSON.stringify({ ...read, name: name ?? read.name, scripts }, undefined, 2)}\n`)
}

/** @throws ZodError for a package.json that npm would refuse, too */
export function readManifest(root: string) {
  return manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
}
