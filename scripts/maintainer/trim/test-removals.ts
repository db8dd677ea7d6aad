import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../../src/paths.ts'
import { type Step, trimmed } from '../../../test/maintainer/trim/clones.ts'
import { readParts } from './parts.ts'

// Removes each part from its own clone and checks what is left, then each preset: npm run test:trim [-- --no-tests] [part …]
const { values, positionals } = parseArgs({
  options: { 'no-tests': { type: 'boolean', default: false } },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : (await readParts(projectRoot)).map(({ name }) => name)

for (const name of names) {
  const begun = performance.now()
  const failed = await failureWithout(name)
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  if (failed === undefined) console.log(`passed: without ${name} (${seconds} s)`)
  else {
    console.log(`${failed.output}\nFAILED: without ${name}: ${failed.name} (${seconds} s)`)
    process.exitCode = 1
  }
}

if (positionals.length === 0 && !values['no-tests']) {
  const args = ['node_modules/ava/entrypoints/cli.mjs', 'test/maintainer/trim/presets.test.ts']
  const env = { ...process.env, TEST_TRIM: 'presets' }
  if (spawnSync(process.execPath, args, { cwd: projectRoot, env, stdio: 'inherit' }).status !== 0) process.exitCode = 1
}

async function failureWithout(name: string): Promise<Step | undefined> {
  const teardowns: (() => Promise<void>)[] = []
  try {
    const clone = await trimmed({ teardown: (work) => void teardowns.push(work) }, ['remove', name])
    const steps = values['no-tests'] ? [clone.types, clone.lint] : [clone.types, clone.lint, clone.unit, clone.suites]
    if (!clone.trim.passed) return clone.trim
    for (const step of steps) {
      const outcome = await step()
      if (!outcome.passed) return outcome
    }
    return undefined
  } finally {
    for (const work of teardowns) await work()
  }
}
