import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { runAva } from './lib/ava.mjs'
import { missingFromLock } from './lib/check-lock.mjs'
import { checkNode, checkSqlite } from './lib/checks.mjs'
import { filesIn, globs } from './lib/globs.mjs'
import { inBatches } from './lib/test-batches.mjs'
import { announceServices, startServices } from './test-services/index.mjs'

checkNode()
checkSqlite()
const unitOnly = process.argv.includes('--unit')
const faultsOnly = process.argv.includes('--faults')
const stormsOnly = process.argv.includes('--storms')
const chosen = process.argv.slice(2).filter((argument) => !['--unit', '--faults', '--storms'].includes(argument))
const mode = unitOnly ? 'none' : (process.env.TEST_SERVICES ?? 'auto')
if (!['auto', 'found', 'require', 'none'].includes(mode)) {
  console.error('TEST_SERVICES must be found, require, none or not set.')
  process.exit(2)
}
if (!unitOnly) announceServices(mode)

const counts = { passed: 0, failed: 0, skipped: 0 }
const missing = missingFromLock()
for (const name of missing)
  console.log(`package-lock.json does not contain the optional package ${name}: "npm ci" will fail.`)
check('lock file', missing.length === 0)
const remembered = ['--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo']
// With threads, types take twice the CPU time, which lint and the services have use for.
const tools = [
  runTool('lint', 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
  runTool('types', 'node_modules/typescript/bin/tsc', '--noEmit', '--singleThreaded', ...remembered),
]
const services = await startServices(mode)
await Promise.all(tools)
// The unit tests need no service.
for (const { name, reason } of unitOnly ? [] : services.leftOut) {
  console.log(`skipped: the ${name} suites (${reason})`)
  counts[mode === 'require' ? 'failed' : 'skipped']++
}

// Without those that start programs, or try a promise at every step or with every layout of files.
const unit = [
  'test/*.test.ts',
  'test/session/**/*.test.ts',
  'test/storage/**/*.test.ts',
  '!test/{cleanup,log}.test.ts',
  '!test/session/engines/{cookie-mutations,hybrid-crash,hybrid-logout,migrating-logout,migrating-pairs}.test.ts',
  '!test/session/stores/{django-file,file,file-processes,file-safety,file-sweep}.test.ts',
]
const faults = ['test/faults/*.test.ts', '!test/faults/{rolling-*,typescript}.test.ts']
// Those that are short in npm test, in full.
const storms = [
  'test/faults/{rolling-*,typescript}.test.ts',
  'test/contract/*.test.ts',
  'test/scenarios/{changes,clocks,kept*,keys,logout,outages,sign-in,slices,streams}.test.ts',
  'test/browser/accessibility.test.ts',
  'test/maintainer/{bench,explorer/explorer,fuzz/fuzz}.test.ts',
  'test/security/{flooding,cross-talk*}.test.ts',
  'test/session/engines/migrating-{logout,steps}.test.ts',
  'test/start/stop-under-load-redis.test.ts',
]
const short = ['test/**/*.test.ts', '!test/faults/**']
const all = faultsOnly ? faults : stormsOnly ? storms : unitOnly ? unit : short
const without = services.leftOut.map(({ suites }) => `!${suites}`)
const env = { ...services.env, ...(stormsOnly ? { TEST_STORMS: 'full' } : {}) }
const batched = chosen.length === 0 && !faultsOnly && !stormsOnly
const files = batched ? inBatches(filesIn('test', globs([...all, ...without]))) : chosen.length > 0 ? chosen : all
const results = await runAva(batched ? files : [...files, ...without], env)
for (const kind of Object.keys(counts)) counts[kind] += results[kind]
await services.stop()

console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed === 0 ? 0 : 1)

/** Runs while the services start, and prints its output when it has ended. */
async function runTool(name, path, ...args) {
  const tool = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [tool.stdout, tool.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const [code] = await once(tool, 'close')
  process.stdout.write(output)
  check(name, code === 0)
}

function check(name, passed) {
  counts[passed ? 'passed' : 'failed']++
  console.log(`${passed ? 'passed' : 'FAILED'}: ${name}`)
}
