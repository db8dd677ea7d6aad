import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { startProcess } from '../../support/processes.ts'

// Editors, linters and build tools of many projects still run TypeScript 5, whose API version 7 does not have.
// That src/session compiles without the rest is tested with version 7, in a tenth of the time.
const TSC = join(projectRoot, 'node_modules/typescript-5/bin/tsc')

test('TypeScript 5.9 compiles the project', async (t) => {
  t.regex(await compile(t, '--version'), /^Version 5\.9\./)
  // Only what has changed since the last run is checked again.
  const state = join(projectRoot, '.cache/typescript-5.tsbuildinfo')
  t.is(await compile(t, '--noEmit', '--incremental', '--tsBuildInfoFile', state), '')
})

async function compile(t: ExecutionContext, ...args: string[]): Promise<string> {
  const tsc = startProcess([TSC, ...args])
  t.is(await tsc.ended(), 0, tsc.output())
  return tsc.output()
}
