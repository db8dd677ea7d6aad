import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportRun } from './scripts/lib/report-run.mjs'
import { BATCHES, longestFirst } from './scripts/lib/test-batches.mjs'
import { CONCURRENCY } from './scripts/lib/test-concurrency.mjs'

// For what the first test file makes for the others.
const templates = mkdtempSync(join(tmpdir(), 'holdfast-templates-'))
process.on('exit', () => rmSync(templates, { recursive: true, force: true }))

export default {
  extensions: { ts: 'module', mjs: true },
  require: ['./scripts/lib/typescript.mjs'],
  // A run that has batches names those of its own.
  files: ['test/**/*.test.ts', ...(process.send === undefined ? [] : [BATCHES])],
  environmentVariables: { TEST_TEMPLATES: templates },
  workerThreads: false,
  concurrency: CONCURRENCY,
  timeout: '2m',
  sortTestFiles: longestFirst(),
  // Started by scripts/test.mjs ava tells it of each file; started by hand it prints its own report.
  nonSemVerExperiments: { observeRunsFromConfig: true },
  ...(process.send === undefined ? {} : { observeRun: reportRun }),
}
