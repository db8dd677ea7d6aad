import { spawnSync } from 'node:child_process'
import { checkMachine } from './lib/checks.mjs'
import { loadEnv } from './lib/env.mjs'

// Runs a TypeScript program, or a tool that reads TypeScript: node scripts/run.mjs <file> [arguments]
checkMachine()
loadEnv()
const { status } = spawnSync(process.execPath, ['--import=tsx', ...process.argv.slice(2)], { stdio: 'inherit' })
process.exit(status ?? 1)
