import { existsSync } from 'node:fs'
import { checkNode, checkSqlite, fail } from './lib/checks.mjs'
import { loadEnv, setMode } from './lib/env.mjs'

const shell = process.ppid
const SHELL_CHECK_INTERVAL_MS = 250

checkNode()
loadEnv()
setMode('production', 'npm start')
checkSqlite()
if (!existsSync('dist/src/server.js')) fail('There is no build: run "npm run build" first.')
// In this process, so that signals of the service manager reach the server.
await import('../dist/src/server.js')

// npm sends signals only to its shell, which exits without forwarding them: when the shell is gone, stop as for SIGTERM.
// Windows has no such signals, and keeps the id of a parent that is gone.
if (process.env.npm_lifecycle_event === 'start' && process.platform !== 'win32') {
  setInterval(() => {
    if (process.ppid !== shell) process.kill(process.pid, 'SIGTERM')
  }, SHELL_CHECK_INTERVAL_MS).unref()
}
