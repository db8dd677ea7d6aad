import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, relative, sep } from 'node:path'

const FILE = '.cache/test-durations.json'

/** Notes how many seconds each test file took; files that did not run keep what is noted. */
export function noteDurations(seconds) {
  mkdirSync(dirname(FILE), { recursive: true })
  writeFileSync(FILE, JSON.stringify({ ...durations(), ...seconds }, null, 2))
}

/** Compares test files so that no long one starts last, when it would run alone; those never seen come first. */
export function longestFirst() {
  const known = durations()
  const secondsOf = (file) => known[nameOf(file)] ?? Number.MAX_VALUE
  return (one, other) => secondsOf(other) - secondsOf(one)
}

/** A test file as people write it: from the project's folder, with slashes. */
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
