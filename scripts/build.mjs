import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

// Files that the compiled code reads from its folder: translations, styles, scripts for browsers.
const ASSETS = /\.(json|css|browser\.js)$/

const target = process.argv[2] ?? 'dist'

rmSync(target, { recursive: true, force: true })
const tsc = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', target],
  {
    stdio: 'inherit',
  },
)
if (tsc.status === 0) {
  const filter = (source) => ASSETS.test(source) || statSync(source).isDirectory()
  cpSync('src', join(target, 'src'), { recursive: true, filter })
  console.log(`Built ${target}/.`)
}
process.exit(tsc.status ?? 1)
