import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { startProcess } from '../../support/processes.ts'
import { ENGINE_PACKAGES, folderWithPackages } from '../../support/project.ts'

// Editors, linters and build tools of many projects still run TypeScript 5, whose API version 7 does not have.
const TSC = join(projectRoot, 'node_modules/typescript-5/bin/tsc')

test.serial('TypeScript 5.9 compiles the project', async (t) => {
  t.regex(await compile(t, projectRoot, '--version'), /^Version 5\.9\./)
  // Only what has changed since the last run is checked again.
  const state = join(projectRoot, '.cache/typescript-5.tsbuildinfo')
  t.is(await compile(t, projectRoot, '--noEmit', '--incremental', '--tsBuildInfoFile', state), '')
})

test.serial('TypeScript 5.9 compiles only src/session, in an empty project', async (t) => {
  const folder = await folderWithPackages(t, ENGINE_PACKAGES)
  await cp(join(projectRoot, 'src/session'), join(folder, 'src/session'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const { compilerOptions } = JSON.parse(await readFile(join(projectRoot, 'tsconfig.json'), 'utf8'))
  t.is(compilerOptions.module, 'nodenext')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
  t.is(await compile(t, folder, '--noEmit'), '')
})

async function compile(t: ExecutionContext, folder: string, ...args: string[]): Promise<string> {
  const tsc = startProcess([TSC, ...args], { cwd: folder })
  t.is(await tsc.ended(), 0, tsc.output())
  return tsc.output()
}
