import { inspect } from 'node:util'
import { CONCURRENCY } from './test-concurrency.mjs'
import { nameOf } from './test-durations.mjs'

const FAILURES = ['test-failed', 'hook-failed', 'uncaught-exception', 'unhandled-rejection', 'internal-error']

/**
 * Sends the parent process each failure, and the counts of each test file as it ends, from ava's events. ava's TAP report
 * is no substitute: it ends with the file, and some thrown values crash it.
 */
export async function reportRun({ events }) {
  const files = new Map()
  // ava reports when a file ends, but not when it starts: that is when another one ended.
  const starts = Array(CONCURRENCY).fill(performance.now())

  for await (const event of events) {
    const file = event.testFile === undefined ? undefined : nameOf(event.testFile)
    if (file !== undefined && !files.has(file)) {
      files.set(file, { passed: 0, failed: 0, skipped: 0, since: starts.shift() ?? performance.now() })
    }
    const counts = files.get(file)
    if (event.type === 'test-passed') counts.passed++
    else if (event.type === 'selected-test' && (event.skip || event.todo)) counts.skipped++
    else if (event.type === 'timeout') failPending(event)
    else if (event.type === 'process-exit') fail(file, 'process.exit() was called', event.stack)
    else if (event.type === 'missing-ava-import') fail(file, 'the file has no tests')
    else if (FAILURES.includes(event.type)) fail(file, event.title ?? event.type, describeError(event.err))
    else if (event.type === 'worker-failed' || event.type === 'worker-finished') {
      if (event.type === 'worker-failed' && counts.failed === 0) fail(file, 'the file crashed', describeEnd(event))
      const { since, ...ended } = counts
      const now = performance.now()
      starts.push(now)
      process.send({ file, ...ended, seconds: (now - since) / 1000 })
    }
  }

  function fail(file, title, text = '') {
    const counts = files.get(file)
    if (counts !== undefined) counts.failed++
    process.send({ failure: { file: file ?? 'ava', title, text } })
  }

  function failPending({ pendingTests, period }) {
    for (const [path, titles] of pendingTests) {
      for (const title of titles)
        fail(nameOf(path), title, `It was pending when nothing had happened for ${period} ms.`)
      if (titles.size === 0) fail(nameOf(path), 'the file does not end')
    }
  }
}

function describeEnd({ err, nonZeroExitCode, signal }) {
  if (err) return describeError(err)
  return nonZeroExitCode === undefined ? `It ended by ${signal}.` : `It ended with exit code ${nonZeroExitCode}.`
}

/** An assertion with its details, an error with its stack and its causes, or any other thrown value. */
function describeError(error) {
  if (error.type === 'unknown') return error.formattedError
  const details = (error.formattedDetails ?? []).flatMap(({ label, formatted }) => [label, formatted])
  // What a test throws is the cause of an assertion, and its stack and details are there already.
  const causes = causesOf(error.type === 'ava' ? error.originalError?.cause : error.originalError)
  const errors = (error.errors ?? []).map((one) => `Caused by: ${describeError(one)}`)
  return [...head(error), ...details, shorten(error.stack), ...errors, ...causes].filter(Boolean).join('\n\n')
}

function head({ message, stack }) {
  return stack?.includes(message) ? [] : [message]
}

function shorten(stack) {
  const lines = stack?.split('\n').filter((line) => !/node_modules[\\/]ava[\\/]|\(?node:internal/.test(line))
  return lines?.join('\n')
}

/** The causes of an error, however deep. The errors of an AggregateError that a test throws do not leave ava's worker. */
function causesOf(error) {
  if (!(error instanceof Error) || error.cause === undefined) return []
  const { cause } = error
  const text = cause instanceof Error ? [...head(cause), shorten(cause.stack)].join('\n') : inspect(cause)
  return [`Caused by: ${text}`, ...causesOf(cause)]
}
