import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesIn, globs } from '../lib/globs.mjs'
import { stopServer } from './processes.mjs'
import { SERVICES as ALL } from './services.mjs'

// A project that has left something out has no suites that need its service.
const SERVICES = ALL.filter(({ suites }) => filesIn('test', globs([suites])).length > 0)

/** Prints which packages will be installed, and how to prevent that. */
export function announceServices(mode) {
  const packages = missingPackages(mode)
  if (packages.length === 0) return
  console.log(
    `The tests need services that are missing. These Debian packages will be installed with apt-get: ${packages.join(', ')}.\n` +
      'TEST_SERVICES=found installs nothing and skips the suites of missing services; TEST_SERVICES=none skips all of them.',
  )
}

/**
 * Finds, installs or leaves out what the tests need.
 *
 * @param {'auto' | 'found' | 'require' | 'none'} mode found: nothing is installed; require: what is missing is a failure
 * @returns the environment for the tests, the services left out with the reason, and how to stop the rest
 */
export async function startServices(mode) {
  const env = {}
  const leftOut = []
  const children = []
  if (mode === 'none')
    return {
      env,
      leftOut: SERVICES.map(({ name, suites }) => ({ name, suites, reason: 'TEST_SERVICES=none' })),
      stop: async () => {},
    }

  install(missingPackages(mode))
  const wanted = SERVICES.filter(({ variable }) => !process.env[variable])
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-services-'))
  chmodSync(folder, 0o755)
  await Promise.all(
    wanted.map(async ({ name, variable, suites, packageName, find, start }) => {
      const program = find()
      if (program === undefined) {
        leftOut.push({ name, suites, reason: `not found; install the package "${packageName}" or set ${variable}` })
        return
      }
      try {
        const { url, child, children: several = [] } = await start(program, folder)
        env[variable] = url
        children.push(...several, ...(child === undefined ? [] : [child]))
      } catch (error) {
        leftOut.push({ name, suites, reason: `it did not start: ${error.message}` })
      }
    }),
  )
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return { env, leftOut, stop: async () => void (await Promise.all(children.map(stopServer))) }
}

function missingPackages(mode) {
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (!mayInstall || !['auto', 'require'].includes(mode)) return []
  const missing = SERVICES.filter(({ variable, find }) => !process.env[variable] && find() === undefined)
  return [...new Set(missing.map(({ packageName }) => packageName))]
}

function install(packages) {
  if (packages.length === 0) return
  console.log(`Installing ${packages.join(', ')} …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' })
  for (const name of packages) {
    try {
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], { env, stdio: 'ignore' })
    } catch {
      console.log(`${name} could not be installed.`)
    }
  }
}
