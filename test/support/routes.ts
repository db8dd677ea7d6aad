import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadFeatures } from '../../src/features/index.ts'
import { featureFolder } from '../../src/paths.ts'

/** Every route that changes something, read from the sources, so that a new one cannot be forgotten. */
export async function postPaths(): Promise<string[]> {
  return (await loadFeatures()).flatMap(({ name }) => {
    const code = readFileSync(join(featureFolder(name), 'index.ts'), 'utf8')
    return [...code.matchAll(/router\.post\('([^']+)'/g)].map(([, path = '']) => path.replace(/:\w+/g, '1'))
  })
}
