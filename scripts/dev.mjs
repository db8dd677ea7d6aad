import { spawnSync } from 'node:child_process'
import { checkNode, checkSqlite } from './lib/checks.mjs'
import { loadEnv, setMode } from './lib/env.mjs'
import { runAndWatch } from './lib/watch.mjs'

checkNode()
loadEnv()
setMode('development', 'npm run dev')
checkSqlite()
const typescript = ['--import=tsx']

const prepared = spawnSync(process.execPath, [...typescript, 'scripts/prepare.ts'], { stdio: 'inherit' })
if (prepared.status !== 0) process.exit(prepared.status ?? 1)

// Views and styles are read on each request, so only code is watched.
runAndWatch(process.execPath, [...typescript, 'src/server.ts'], ['src'])
