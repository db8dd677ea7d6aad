import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { projectRoot } from '../../src/paths.ts'
import { startProcess } from '../support/processes.ts'

// Editors, linters and build tools of many projects still run TypeScript 5, whose API version 7 does not have. It takes
// ten times as long: npm test only compiles what other projects copy (test/maintainer/template/copies.test.ts).
const TSC = join(projectRoot, 'node_modules/typescript-5/bin/tsc')

test('TypeScript 5.9 compiles the project', async (t) => {
  t.timeout(600_000)
  t.regex(await compile(t, '--version'), /^Version 5\.9\./)
  const folder = join(projectRoot, '.cache')
  const project = join(folder, 'typescript-5.json')
  const include = ['../src', '../test', '../scripts', '../migrations', '../knexfile.ts']
  await mkdir(folder, { recursive: true })
  await writeFile(project, JSON.stringify({ extends: '../tsconfig.json', include }))
  t.is(await compile(t, '--noEmit', '-p', project), '')
})

async function compile(t: ExecutionContext, ...args: string[]): Promise<string> {
  const tsc = startProcess([TSC, ...args])
  t.is(await tsc.ended(), 0, tsc.output())
  return tsc.output()
}
