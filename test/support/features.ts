import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadFeatures } from '../../src/features/index.ts'

/** Where a feature has its files, by convention. */
const placesOf = (name: string) => [
  `src/features/${name}`,
  `views/${name}`,
  `migrations/${name}`,
  `test/features/${name}`,
  `docs/${name}.md`,
  `ops/prometheus/${name}.rules.yml`,
]

/** The names of this feature and of all that require it, one through the other. */
export async function withDependents(name: string): Promise<string[]> {
  const features = await loadFeatures()
  const names = new Set([name])
  for (let size = 0; size < names.size; ) {
    size = names.size
    for (const one of features) if (one.requires.some((required) => names.has(required))) names.add(one.name)
  }
  return [...names]
}

/**
 * Removes features from a clone of the project: their lines of the registry, their files, and every test module whose
 * imports no longer resolve.
 *
 * @returns the test modules outside the features' folders that went with them
 */
export async function removeFeatures(folder: string, names: readonly string[]): Promise<string[]> {
  const registry = join(folder, 'src/features/index.ts')
  const lines = (await readFile(registry, 'utf8')).split('\n')
  const left = lines.filter((line) => !names.some((name) => line.includes(`'./${name}/index.ts'`)))
  if (left.length !== lines.length - names.length) throw new Error(`The registry has no one line for ${names}`)
  await writeFile(registry, left.join('\n'))
  for (const place of names.flatMap(placesOf)) await rm(join(folder, place), { recursive: true, force: true })
  return await removeUnresolved(join(folder, 'test'))
}

async function removeUnresolved(folder: string): Promise<string[]> {
  const removed: string[] = []
  for (;;) {
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.ts'))
    const broken: string[] = []
    for (const file of files) {
      // What a template holds is another program.
      const code = (await readFile(join(folder, file), 'utf8')).replaceAll(/`(?:[^`\\]|\\.)*`/gs, '``')
      const imports = code.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)
      const targets = [...imports].map(([, target = '']) => join(folder, dirname(file), target))
      if (!targets.every((target) => existsSync(target))) broken.push(file)
    }
    for (const file of broken) await rm(join(folder, file))
    removed.push(...broken)
    if (broken.length === 0) return removed
  }
}
