import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stopServer } from './processes.mjs'
import { SERVICES } from './services.mjs'

/**
 * Finds, installs or leaves out what the tests need.
 *
 * @param {'auto' | 'require' | 'none'} mode
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

  const wanted = SERVICES.filter(({ variable }) => !process.env[variable])
  install(wanted.filter((service) => service.find() === undefined))
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

function install(missing) {
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (missing.length === 0 || !mayInstall) return
  const packages = [...new Set(missing.map(({ packageName }) => packageName))]
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
