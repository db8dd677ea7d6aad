import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../../src/paths.ts'
import { type Step, trimmed } from '../../../test/maintainer/trim/clones.ts'
import { PRESETS, partsToRemove, partToRemove } from './choice.ts'
import { readParts } from './parts.ts'
import { testsToRun } from './selection.ts'

// Removes each part from its own clone and checks what is left: npm run test:trim [-- --no-tests | --all] [part or preset …]
const { values, positionals } = parseArgs({
  options: { 'no-tests': { type: 'boolean', default: false }, all: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const parts = await readParts(projectRoot)
// The presets are tested by npm test.
const names = positionals.length > 0 ? positionals : parts.map(({ name }) => name)

for (const name of names) {
  const steps = await stepsWithout(name)
  const done = steps.map(({ name, seconds }) => `${name} ${seconds.toFixed(0)} s`).join(', ')
  const failed = steps.find(({ passed }) => !passed)
  if (failed === undefined) console.log(`passed: without ${name} (${done})`)
  else {
    console.log(`${failed.output}\nFAILED: without ${name}: ${failed.name} (${done})`)
    process.exitCode = 1
  }
}

/** Every step up to the first that failed. */
async function stepsWithout(name: string): Promise<Step[]> {
  const teardowns: (() => Promise<void>)[] = []
  try {
    const preset = PRESETS[name]
    const gone = preset === undefined ? partToRemove(parts, name) : partsToRemove(parts, preset)
    const args = preset === undefined ? ['remove', name] : ['--preset', name]
    const clone = await trimmed({ teardown: (work) => void teardowns.push(work) }, args)
    const steps = [clone.trim]
    const tests = () => {
      const files = testsToRun({ root: projectRoot, folder: clone.folder, parts, gone }, values.all)
      console.log(`without ${name}: ${files.map((file) => file.replace(/^test\/(.+)\.test\.ts$/, '$1')).join(' ')}`)
      return clone.tests(files)
    }
    // The files that trim has written: what the others say has not changed.
    const written = new Set(['package.json', ...gone.flatMap(({ lines }) => lines.map(({ registry }) => registry))])
    const lint = () => clone.lint(...[...written].filter((file) => existsSync(join(clone.folder, file))))
    for (const step of [clone.types, lint, ...(values['no-tests'] ? [] : [tests])]) {
      if (steps.at(-1)?.passed) steps.push(await step())
    }
    return steps
  } finally {
    for (const work of teardowns) await work()
  }
}
