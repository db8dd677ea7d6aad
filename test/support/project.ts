import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { projectRoot } from '../../src/paths.ts'

const PARTS = [
  'src',
  'views',
  'docs',
  'public',
  'migrations',
  'scripts',
  'test',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'knexfile.ts',
  '.env.example',
]

/** A clone of the project, without data, settings or build; its packages are borrowed. */
export async function cloneProject(t: ExecutionContext): Promise<string> {
  const folder = await emptyFolder(t)
  await Promise.all(PARTS.map((part) => cp(join(projectRoot, part), join(folder, part), { recursive: true })))
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** A folder with only these packages in it. */
export async function folderWithPackages(t: ExecutionContext, packages: readonly string[]): Promise<string> {
  const folder = await emptyFolder(t)
  for (const name of packages) {
    await mkdir(join(folder, 'node_modules', name, '..'), { recursive: true })
    await symlink(join(projectRoot, 'node_modules', name), join(folder, 'node_modules', name))
  }
  return folder
}

async function emptyFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-project-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
