import { execFileSync, spawnSync } from 'node:child_process'

const MIN_NODE = [20, 19]

/** Exits with a message. */
export function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Exits if Node is too old. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
    fail(`Node ${MIN_NODE.join('.')} or newer is needed; this is ${process.versions.node}.`)
  }
}

/** Builds sqlite3 if a database needs it and its binary does not load. Call it after the settings have been read. */
export function checkSqlite() {
  const { DATABASE_URL, SESSION_DATABASE_URL } = process.env
  const urls = [DATABASE_URL || 'sqlite:', SESSION_DATABASE_URL || '']
  if (!urls.some((url) => url.startsWith('sqlite:')) || !isInstalled('sqlite3') || sqliteLoads()) return
  console.error(
    'sqlite3 does not load on this machine (its prebuilt binary needs a newer system library): building it, about a minute …',
  )
  const env = { ...process.env, npm_config_build_from_source: 'sqlite3' }
  const built = spawnSync('npm', ['rebuild', 'sqlite3'], { env, encoding: 'utf8', shell: process.platform === 'win32' })
  if (built.status === 0 && sqliteLoads()) return
  fail('sqlite3 could not be built: install python3, make and a C++ compiler, then run "npm rebuild sqlite3".')
}

/** Returns whether a package is installed. */
export function isInstalled(name) {
  try {
    return Boolean(import.meta.resolve(name))
  } catch {
    return false
  }
}

// In a separate process, because a broken native module can crash this one.
function sqliteLoads() {
  try {
    execFileSync(process.execPath, ['-e', "require('sqlite3')"], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
