import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, relative, sep } from 'node:path'

const FILE = '.cache/test-durations.json'

/** Saves how many seconds each test file took; files that did not run keep their last duration. */
export function saveDurations(seconds) {
  mkdirSync(dirname(FILE), { recursive: true })
  writeFileSync(FILE, JSON.stringify({ ...durations(), ...seconds }, null, 2))
}

/** Sorts test files by duration, so that no long one runs alone at the end; new files come first. */
export function longestFirst() {
  const known = durations()
  const secondsOf = (file) => known[nameOf(file)] ?? Number.MAX_VALUE
  return (one, other) => secondsOf(other) - secondsOf(one)
}

/** The path of a test file, relative to the project and with slashes. */
export function nameOf(file) {
  return relative(process.cwd(), file).split(sep).join('/')
}

function durations() {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8'))
  } catch {
    return {}
  }
}
