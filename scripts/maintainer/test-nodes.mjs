import { spawnSync } from 'node:child_process'

// The unit suites on every other Node that the project runs on; npm brings the programs.
const VERSIONS = ['22.23.3', '24.9.0']

let failed = false
for (const version of VERSIONS) {
  const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', 'scripts/test.mjs', '--unit']
  console.log(`Node ${version}`)
  failed = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' }).status !== 0 || failed
}
process.exit(failed ? 1 : 0)
