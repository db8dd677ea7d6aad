import { existsSync } from 'node:fs'
import { checkMachine, fail } from './lib/checks.mjs'
import { loadEnv, setMode } from './lib/env.mjs'

checkMachine()
loadEnv()
setMode('production', 'npm start')
if (!existsSync('dist/src/server.js')) fail('There is nothing to start: run "npm run build" first.')
// In this very process, so that the service manager's signals reach the server.
await import('../dist/src/server.js')
