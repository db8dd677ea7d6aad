import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../../src/paths.ts'

/** Cleans up at the end, such as a test. */
export interface Owner {
  teardown(work: () => Promise<void>): void
}

const PARTS = [
  'src',
  'views',
  'docs',
  'public',
  'migrations',
  'ops',
  'examples',
  'scripts',
  'test',
  'package.json',
  'package-lock.json',
  'README.md',
  'ava.config.mjs',
  'tsconfig.json',
  'tsconfig.build.json',
  'knexfile.ts',
  '.env.example',
  '.npmrc',
  '.gitignore',
  '.github',
  'biome.json',
]

/** A clone of the project, without data, settings or build; its node_modules is a link. */
export async function cloneProject(t: Owner): Promise<string> {
  const folder = await emptyFolder(t)
  const there = PARTS.filter((part) => existsSync(join(projectRoot, part)))
  await Promise.all(there.map((part) => cp(join(projectRoot, part), join(folder, part), { recursive: true })))
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'junction')
  return folder
}

/** Adds a feature to the registry of a clone; `file` is its module there, from the root. */
export async function addFeature(folder: string, file: string): Promise<void> {
  const registry = join(folder, 'src', 'features', 'index.ts')
  const text = await readFile(registry, 'utf8')
  await writeFile(registry, text.replace(/^const registry.*\[/m, `$&\n  () => import('../../${file}'),`))
}

/**
 * Writes a test file that runs these in one process, as most of them take less time than its start.
 *
 * @returns its path in the clone
 */
export async function writeBatch(folder: string, files: readonly string[]): Promise<string> {
  const file = 'test/batch.test.ts'
  const text = `import { runBatch } from '../scripts/lib/run-batch.mjs'\n\nawait runBatch(${JSON.stringify(files)})\n`
  await writeFile(join(folder, file), text)
  return file
}

/** What src/session and a TypeScript project around it import. */
export const ENGINE_PACKAGES = ['koa', '@types/koa', '@types/node', 'knex', 'lru-cache', 'msgpackr', 'redis']

/** A folder with only these packages in it. */
export async function folderWithPackages(t: Owner, packages: readonly string[]): Promise<string> {
  const folder = await emptyFolder(t)
  for (const name of packages) {
    await mkdir(join(folder, 'node_modules', name, '..'), { recursive: true })
    // A junction is what Windows lets everybody make.
    await symlink(join(projectRoot, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
  }
  return folder
}

/** What `npm ci --omit=dev` installs, of what is installed here. */
export async function productionPackages(): Promise<string[]> {
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    await readFile(join(projectRoot, 'package-lock.json'), 'utf8'),
  )
  const prefix = 'node_modules/'
  return Object.entries(lock.packages)
    .filter(([place, { dev }]) => place.lastIndexOf(prefix) === 0 && dev !== true)
    .map(([place]) => place.slice(prefix.length))
    .filter((name) => existsSync(join(projectRoot, prefix, name)))
}

async function emptyFolder(t: Owner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-project-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
