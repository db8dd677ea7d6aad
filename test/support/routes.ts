import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadFeatures } from '../../src/features/index.ts'
import { featureFolder, projectRoot } from '../../src/paths.ts'

/** A form that says what is so already, for a visitor without a session. */
export interface UnchangingForm {
  readonly path: string
  readonly form: Readonly<Record<string, string>>
}

/** The export of `test/features/<name>/unchanging.ts`. */
interface FeatureForms {
  readonly unchanging: readonly UnchangingForm[]
}

/** The path with 1 for each parameter. */
export function examplePath(path: string): string {
  return path.replace(/:\w+/g, '1')
}

/** The forms of all features that change nothing. */
export async function unchangingForms(): Promise<UnchangingForm[]> {
  const forms: UnchangingForm[] = []
  for (const { name } of await loadFeatures()) {
    const file = join(projectRoot, 'test/features', name, 'unchanging.ts')
    if (!existsSync(file)) continue
    const { unchanging }: FeatureForms = await import(pathToFileURL(file).href)
    forms.push(...unchanging)
  }
  return forms
}

/** Every route that changes something, read from the sources, so that a new one cannot be forgotten. */
export async function postPaths(): Promise<string[]> {
  return (await loadFeatures()).flatMap(({ name }) => {
    const code = readFileSync(join(featureFolder(name), 'index.ts'), 'utf8')
    return [...code.matchAll(/router\.post\('([^']+)'/g)].map(([, path = '']) => path.replace(/:\w+/g, '1'))
  })
}
