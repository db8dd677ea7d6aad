import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, relative, sep } from 'node:path'

const FILE = '.cache/test-durations.json'
// The slowest of a quiet machine, for the first run of a clone.
const SHIPPED = 'scripts/maintainer/test-durations.json'
// Of a file that has never run.
const USUAL_SECONDS = 1.5

/** Saves how many seconds each test file took; files that did not run keep their last duration. */
export function saveDurations(seconds) {
  mkdirSync(dirname(FILE), { recursive: true })
  writeFileSync(FILE, JSON.stringify({ ...read(FILE), ...seconds }, null, 2))
}

/** A function that returns how many seconds a test file is expected to take. */
export function expectedSeconds() {
  const known = { ...read(SHIPPED), ...read(FILE) }
  return (file) => known[file] ?? USUAL_SECONDS
}

/** The path of a test file, relative to the project and with slashes. */
export function nameOf(file) {
  return relative(process.cwd(), file).split(sep).join('/')
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
}
