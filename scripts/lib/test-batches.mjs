import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expectedSeconds, nameOf } from './test-durations.mjs'

const FOLDER = '.cache/batches/'
// How long a batch may take: small enough that the last ones end at about the same time, also in a short run, but not
// smaller because the last run was on a busy machine.
const MAX_SECONDS = 15
const MAX_SHARE = 1 / 15
const MIN_SHARE = 1 / 100
// A test file says so, with the reason, where what it changes or measures belongs to the whole process.
const NEEDS_OWN_PROCESS = /^\/\/ In its own process: /m

/** The pattern of the files that run others, for ava. */
export const BATCHES = `${FOLDER}*/*.test.mjs`

/**
 * Puts short test files together in batches, each of which is one process for ava: starting a process and importing the
 * same packages takes longer than the tests of most files.
 *
 * @returns the files for ava, batches and others
 */
export function inBatches(files) {
  const secondsOf = expectedSeconds()
  const total = files.reduce((sum, file) => sum + secondsOf(file), 0)
  const max = Math.max(total * MIN_SHARE, Math.min(MAX_SECONDS, total * MAX_SHARE))
  const alone = files.filter((file) => secondsOf(file) > max || NEEDS_OWN_PROCESS.test(readFileSync(file, 'utf8')))
  const batches = []
  let room = 0
  let inFolder
  for (const file of files.filter((one) => !alone.includes(one))) {
    room -= secondsOf(file)
    // In a folder, files load the same modules: the application's, or only the engine's.
    if (room < 0 || folderOf(file) !== inFolder) {
      batches.push([])
      inFolder = folderOf(file)
      room = max - secondsOf(file)
    }
    batches.at(-1).push(file)
  }
  // Another run may use its own at the same time.
  const folder = `${FOLDER}${process.pid}`
  mkdirSync(folder, { recursive: true })
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return [...batches.map((batch, index) => write(`${folder}/${index}.test.mjs`, batch)), ...alone]
}

/** Sorts test files and batches by duration, so that no long one runs alone at the end. */
export function longestFirst() {
  const secondsOf = expectedSeconds()
  const duration = (file) => filesOf(nameOf(file)).reduce((sum, one) => sum + secondsOf(one), 0)
  return (one, other) => duration(other) - duration(one)
}

/** Splits the title of a test into its file and its own title, where the file that ava names is a batch. */
export function splitTitle(file, title) {
  const [inner, ...rest] = title.split(SEPARATOR)
  return file.startsWith(FOLDER) && rest.length > 0 ? [inner, rest.join(SEPARATOR)] : [file, title]
}

/** Between the file and the title of a test in a batch. */
export const SEPARATOR = ' › '

/** The folder in test/. */
function folderOf(file) {
  return file.split('/').slice(0, -1)[1]
}

function write(batch, files) {
  const list = JSON.stringify(files, null, 2)
  writeFileSync(batch, `import { runBatch } from '../../../scripts/lib/run-batch.mjs'\n\nawait runBatch(${list})\n`)
  return batch
}

function filesOf(file) {
  if (!file.startsWith(FOLDER)) return [file]
  const [list = '[]'] = /\[.*\]/s.exec(readFileSync(file, 'utf8')) ?? []
  return JSON.parse(list)
}
