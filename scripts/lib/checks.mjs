import { execFileSync, spawnSync } from 'node:child_process'

const NODE = [20, 19]

/** Ends the process with one sentence. */
export function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}

/** Ends the process where Node is too old. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < NODE[0] || (major === NODE[0] && minor < NODE[1])) {
    fail(`Node ${NODE.join('.')} or newer is needed; this is ${process.versions.node}.`)
  }
}

/** Where a database is SQLite: builds sqlite3 if it is installed and does not load. Call it once the settings are read. */
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

/** Whether a package can be found. */
export function isInstalled(name) {
  try {
    return Boolean(import.meta.resolve(name))
  } catch {
    return false
  }
}

// In a process of its own, because a native module that half loads can take this one with it.
function sqliteLoads() {
  try {
    execFileSync(process.execPath, ['-e', "require('sqlite3')"], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
