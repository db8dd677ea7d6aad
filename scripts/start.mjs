import { existsSync } from 'node:fs'
import { checkNode, checkSqlite, fail } from './lib/checks.mjs'
import { loadEnv, setMode } from './lib/env.mjs'

const shell = process.ppid
const SHELL_CHECK_INTERVAL = 250 // ms

checkNode()
loadEnv()
setMode('production', 'npm start')
checkSqlite()
if (!existsSync('dist/src/server.js')) fail('There is nothing to start: run "npm run build" first.')
// In this very process, so that the service manager's signals reach the server.
await import('../dist/src/server.js')

// npm passes a signal to its shell alone, which ends and passes nothing on: a server without that shell stops as at SIGTERM.
if (process.env.npm_lifecycle_event === 'start') {
  setInterval(() => {
    if (process.ppid !== shell) process.kill(process.pid, 'SIGTERM')
  }, SHELL_CHECK_INTERVAL).unref()
}
