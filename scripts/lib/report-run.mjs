import { inspect } from 'node:util'
import { splitTitle } from './test-batches.mjs'
import { CONCURRENCY } from './test-concurrency.mjs'
import { nameOf } from './test-durations.mjs'

const FAILURES = ['test-failed', 'hook-failed', 'uncaught-exception', 'unhandled-rejection', 'internal-error']

/**
 * Sends the parent process each failure, and the counts of each test file as its process ends, from ava's events. ava's
 * TAP report is no substitute: it ends with the file, and some thrown values crash it.
 */
export async function reportRun({ events }) {
  // By what ava has started, which is a test file or a batch of them.
  const processes = new Map()
  // ava reports when a process ends, but not when it starts: that is when another one ended.
  const starts = Array(CONCURRENCY).fill(performance.now())

  for await (const event of events) {
    if (event.type === 'timeout') failPending(event)
    if (event.testFile === undefined) {
      if (FAILURES.includes(event.type)) fail({}, 'ava', event.type, describeError(event.err))
      continue
    }
    const started = nameOf(event.testFile)
    if (!processes.has(started)) {
      processes.set(started, { files: new Map(), since: starts.shift() ?? performance.now() })
    }
    const { files, since } = processes.get(started)
    if (event.type === 'worker-failed' || event.type === 'worker-finished') {
      const failed = [...files.values()].some((counts) => counts.failed > 0)
      const file = runningOf(files) ?? started
      if (event.type === 'worker-failed' && !failed)
        fail(countsOf(files, file), file, 'the file crashed', describeEnd(event))
      starts.push(performance.now())
      sendCounts(files, since)
      continue
    }
    const [file, title] = event.title === undefined ? [runningOf(files) ?? started] : splitTitle(started, event.title)
    if (event.type === 'selected-test') {
      // The files of a batch have been loaded, which is no part of the first one.
      if (files.size === 0 && file !== started) processes.get(started).since = performance.now()
      const skipped = event.skip || event.todo
      countsOf(files, file)[skipped ? 'skipped' : 'pending']++
    } else if (event.type === 'test-passed') end(countsOf(files, file)).passed++
    else if (event.type === 'process-exit') fail(countsOf(files, file), file, 'process.exit() was called', event.stack)
    else if (event.type === 'missing-ava-import') fail(countsOf(files, file), file, 'the file has no tests')
    else if (FAILURES.includes(event.type)) {
      const counts = countsOf(files, file)
      if (event.type === 'test-failed') end(counts)
      fail(counts, file, title ?? event.type, describeError(event.err))
    }
  }

  function failPending({ pendingTests, period }) {
    for (const [path, titles] of pendingTests) {
      const started = nameOf(path)
      const files = processes.get(started)?.files ?? new Map()
      const running = runningOf(files) ?? started
      if (titles.size === 0) fail(countsOf(files, running), running, 'the file does not end')
      for (const each of titles) {
        const [file, title] = splitTitle(started, each)
        // The other files of a batch wait for this one.
        if (file !== running) continue
        fail(countsOf(files, file), file, title, `It was pending when nothing had happened for ${period} ms.`)
      }
    }
  }
}

function countsOf(files, file) {
  if (!files.has(file)) files.set(file, { passed: 0, failed: 0, skipped: 0, pending: 0 })
  return files.get(file)
}

/** The files of a process run one after the other: the first with a test that has not ended. */
function runningOf(files) {
  return [...files].find(([, { pending }]) => pending > 0)?.[0]
}

function end(counts) {
  counts.pending--
  counts.last = performance.now()
  return counts
}

function fail(counts, file, title, text = '') {
  counts.failed++
  process.send({ failure: { file, title, text } })
}

function sendCounts(files, since) {
  let begin = since
  for (const [file, { passed, failed, skipped, last }] of files) {
    const end = files.size === 1 ? performance.now() : (last ?? begin)
    process.send({ file, passed, failed, skipped, seconds: (end - begin) / 1000 })
    begin = end
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
