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

/** Who may use each route, by method and path: for staff, users too are refused. */
export type Access = Readonly<Record<string, 'everyone' | 'everyone, without a session' | 'users' | 'staff'>>

/** The path with 1 for each parameter. */
export function examplePath(path: string): string {
  return path.replace(/:\w+/g, '1')
}

/** The forms of all features that change nothing. */
export async function unchangingForms(): Promise<UnchangingForm[]> {
  const found = await exportsOf<{ unchanging: readonly UnchangingForm[] }>('unchanging.ts')
  return found.flatMap(({ unchanging }) => unchanging)
}

/** Who may use the routes of all features, and the home page. */
export async function accessRows(): Promise<Access> {
  const found = await exportsOf<{ access: Access }>('access.ts')
  return Object.assign({ 'GET /': 'everyone' }, ...found.map(({ access }) => access))
}

async function exportsOf<T>(name: string): Promise<T[]> {
  const files = (await loadFeatures()).map((feature) => join(projectRoot, 'test/features', feature.name, name))
  return await Promise.all(files.filter((file) => existsSync(file)).map((file) => import(pathToFileURL(file).href)))
}

/** Every route that changes something, read from the sources, so that a new one cannot be forgotten. */
export async function postPaths(): Promise<string[]> {
  return (await loadFeatures()).flatMap(({ name }) => {
    const code = readFileSync(join(featureFolder(name), 'index.ts'), 'utf8')
    return [...code.matchAll(/router\.post\('([^']+)'/g)].map(([, path = '']) => path.replace(/:\w+/g, '1'))
  })
}
