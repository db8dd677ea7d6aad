import { reportRun } from './scripts/lib/report-run.mjs'
import { CONCURRENCY } from './scripts/lib/test-concurrency.mjs'
import { longestFirst } from './scripts/lib/test-durations.mjs'

export default {
  extensions: { ts: 'module' },
  require: ['./scripts/lib/typescript.mjs'],
  files: ['test/**/*.test.ts'],
  workerThreads: false,
  concurrency: CONCURRENCY,
  timeout: '2m',
  sortTestFiles: longestFirst(),
  // Started by scripts/test.mjs ava tells it of each file; started by hand it prints its own report.
  nonSemVerExperiments: { observeRunsFromConfig: true },
  ...(process.send === undefined ? {} : { observeRun: reportRun }),
}
