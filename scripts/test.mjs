import { spawnSync } from 'node:child_process'
import { runAva } from './lib/ava.mjs'
import { missingFromLock } from './lib/check-lock.mjs'
import { checkNode, checkSqlite } from './lib/checks.mjs'
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
const tool =
  (path, ...args) =>
  () =>
    spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' }).status === 0

check('lock file', () => {
  const missing = missingFromLock()
  for (const name of missing)
    console.log(`package-lock.json does not contain the optional package ${name}: "npm ci" will fail.`)
  return missing.length === 0
})
check('lint', tool('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'))
const remembered = ['--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo']
check('types', tool('node_modules/typescript/bin/tsc', '--noEmit', ...remembered))

const services = await startServices(mode)
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
const files = chosen.length > 0 ? chosen : all
const without = services.leftOut.map(({ suites }) => suites)
const env = { ...services.env, ...(stormsOnly ? { TEST_STORMS: 'full' } : {}) }
const results = await runAva([...files, ...without.map((pattern) => `!${pattern}`)], env)
for (const kind of Object.keys(counts)) counts[kind] += results[kind]
await services.stop()

console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed === 0 ? 0 : 1)

function check(name, passes) {
  const passed = passes()
  counts[passed ? 'passed' : 'failed']++
  console.log(`${passed ? 'passed' : 'FAILED'}: ${name}`)
}
