import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { filesUnder } from './graph.ts'

const names = z.record(z.string(), z.string()).default({})
const manifest = z.looseObject({
  name: z.string(),
  scripts: names,
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
})

const LOOKED_IN = ['src', 'scripts', 'test', 'migrations', 'views', '.github', '.ci']
const CONFIGS = ['knexfile.ts', 'ava.config.mjs', 'biome.json', 'tsconfig.json', 'tsconfig.build.json']

/** The packages that nothing mentions any more, and types of packages that are not there. */
export function unusedPackages(root: string): string[] {
  const { scripts, dependencies, devDependencies, optionalDependencies } = readManifest(root)
  const all = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
  const files = [...LOOKED_IN.flatMap((folder) => filesUnder(root, folder)), ...CONFIGS]
  const texts = files.map((file) => readFileSync(join(root, file), 'utf8'))
  texts.push(...Object.values(scripts))
  const isMentioned = (name: string) => texts.some((text) => mention(name).test(text))
  const used = new Set(all.filter((name) => !name.startsWith('@types/') && isMentioned(name)))
  for (const name of all) {
    const typed = name.replace('@types/', '')
    if (name.startsWith('@types/') && (typed === 'node' || used.has(typed))) used.add(name)
  }
  return all.filter((name) => !used.has(name))
}

/** As an import, a path below node_modules, or a driver's name. */
function mention(name: string): RegExp {
  return new RegExp(`['"/]${name.replace(/[.\\/]/g, '\\$&')}['"/]`)
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
