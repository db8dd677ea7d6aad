import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadFeatures } from '../../src/features/index.ts'
import { projectRoot } from '../../src/paths.ts'
import { startApp } from './app.ts'

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
  const found = await exportsOf<{ unchanging: readonly UnchangingForm[] }>(/^unchanging\.ts$/)
  return found.flatMap(({ unchanging }) => unchanging)
}

/** Who may use the routes of all features, and the home page. */
export async function accessRows(): Promise<Access> {
  const found = await exportsOf<{ access: Access }>(/^access\.ts$/)
  return Object.assign({ 'GET /': 'everyone' }, ...found.map(({ access }) => access))
}

/** What the features' files of this name export: `test/features/<feature>/<name>`. */
export async function exportsOf<T>(name: RegExp): Promise<T[]> {
  const folders = (await loadFeatures()).map((feature) => join(projectRoot, 'test/features', feature.name))
  const files = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((file) => name.test(basename(file)))
  return await Promise.all(files.map((file) => import(pathToFileURL(file).href)))
}

/** The path of every route that changes something, as the application has them, so that a new one cannot be forgotten. */
export async function postPaths(): Promise<string[]> {
  const app = await startApp()
  await app.close()
  return app.routes.filter(({ method }) => method === 'POST').map(({ path }) => examplePath(path))
}
