import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'

// Files that the compiled code reads from its folder: translations, styles, scripts for browsers.
const ASSETS = /\.(json|css|browser\.js)$/

rmSync('dist', { recursive: true, force: true })
const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
})
if (tsc.status === 0) {
  const filter = (source) => ASSETS.test(source) || statSync(source).isDirectory()
  cpSync('src', 'dist/src', { recursive: true, filter })
  console.log('Built dist/.')
}
process.exit(tsc.status ?? 1)
