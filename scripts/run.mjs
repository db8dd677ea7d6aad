import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNode, checkSqlite, fail, isInstalled } from './lib/checks.mjs'
import { loadEnv } from './lib/env.mjs'

// Runs a program of the project, or the Knex CLI: node scripts/run.mjs scripts/seed.ts | knex [arguments]
// In production, or without the dev dependencies, it runs the build; otherwise the sources.
checkNode()
loadEnv()
checkSqlite()
const [program = '', ...args] = process.argv.slice(2)
const built = process.env.NODE_ENV === 'production' || !isInstalled('tsx')
const file = built ? join('dist', sourceOf(program).replace(/\.ts$/, '.js')) : sourceOf(program)
if (!existsSync(file)) {
  fail(
    built && existsSync(sourceOf(program))
      ? `There is no build: run "npm run build" where all packages are installed ("npm ci"), and copy dist/ here.`
      : `There is no program ${program}.`,
  )
}
if (!built) {
  // Knex wants a loader that it knows; others start in half the time with this one.
  if (program === 'knex') await import('tsx')
  else await import('./lib/typescript.mjs')
  process.setSourceMapsEnabled(true)
}

const main = program === 'knex' ? resolve('node_modules/knex/bin/cli.js') : resolve(file)
// In this process, so that signals reach the program.
process.argv = [process.execPath, main, ...(program === 'knex' ? ['--knexfile', file] : []), ...args]
await import(pathToFileURL(main).href)

function sourceOf(name) {
  return name === 'knex' ? 'knexfile.ts' : name
}
