import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { saveDurations } from './test-durations.mjs'

const SLOWEST_COUNT = 5

/** Runs ava, prints a line for each test file when it ends and all failures at the end, and returns the counts. */
export async function runAva(args, env) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const seconds = {}
  const failures = []
  const ava = spawn(process.execPath, ['node_modules/ava/entrypoints/cli.mjs', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  ava.on('message', ({ failure, ...ended }) => {
    if (failure !== undefined) {
      failures.push(failure)
      counts.failed++
      return
    }
    counts.passed += ended.passed
    counts.skipped += ended.skipped
    seconds[ended.file] = ended.seconds
    console.log(lineOf(ended))
  })
  // ava's own report is only needed if the run failed without a failed test.
  let report = ''
  ava.stdout.setEncoding('utf8').on('data', (text) => {
    report += text
  })
  const [code] = await once(ava, 'close')

  for (const { file, title, text } of failures) console.log(`\nFAILED: ${file}\n${title}\n\n${text}`)
  if (code !== 0 && failures.length === 0) {
    counts.failed++
    console.log(`\nFAILED: ava ended with exit code ${code}\n\n${report}`)
  }
  saveDurations(seconds)
  const slowest = Object.entries(seconds)
    .sort(([, one], [, other]) => other - one)
    .slice(0, SLOWEST_COUNT)
  if (slowest.length === SLOWEST_COUNT)
    console.log(`\nSlowest: ${slowest.map(([file, took]) => `${file} (${took.toFixed(1)} s)`).join(', ')}`)
  return counts
}

function lineOf({ file, passed, failed, skipped, seconds }) {
  const outcome = [`${passed} passed`]
  if (failed > 0) outcome.push(`${failed} FAILED`)
  if (skipped > 0) outcome.push(`${skipped} skipped`)
  return `${seconds.toFixed(1).padStart(6)} s  ${file}: ${outcome.join(', ')}`
}
