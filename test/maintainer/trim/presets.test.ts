import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { PRESETS, partsToRemove } from '../../../scripts/maintainer/trim/choice.ts'
import { readParts } from '../../../scripts/maintainer/trim/parts.ts'
import { testsToRun } from '../../../scripts/maintainer/trim/selection.ts'
import { projectRoot } from '../../../src/paths.ts'
import { startProcess } from '../../support/processes.ts'
import { trimmed } from './clones.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

// Each runs a different part of the tests that notice it, because all of all would be minutes more of every "npm test";
// "npm run test:trim -- engine starter cookies" runs them.
const TESTS: Readonly<Record<string, RegExp>> = {
  engine: /^test\/web\//,
  starter: /^test\/(docs|features)\//,
  cookies: /^test\/([^/]+$|scripts\/|storage\/)/,
}

for (const [preset, wanted] of Object.entries(PRESETS)) {
  test.serial(`what is left by --preset ${preset} is a project that works`, async (t) => {
    t.timeout(600_000)
    const parts = await readParts(projectRoot)
    const clone = await trimmed(t, ['--preset', preset, '--name', 'my-app'])
    t.true(clone.trim.passed, clone.trim.output)
    const read = async (file: string) => await readFile(join(clone.folder, file), 'utf8')
    const { name, scripts } = JSON.parse(await read('package.json'))
    t.is(name, 'my-app')
    t.is(JSON.parse(await read('package-lock.json')).packages[''].name, 'my-app')
    for (const [, command] of (await read('README.md')).matchAll(/npm run ([\w:]+)/g)) {
      t.true(command !== undefined && command in scripts, command)
    }

    const removal = { root: projectRoot, folder: clone.folder, parts, gone: partsToRemove(parts, wanted) }
    const chosen = testsToRun(removal).filter((file) => TESTS[preset]?.test(file))
    t.true(chosen.length > 0)
    const tests = () => clone.tests(chosen)
    for (const step of [clone.types, clone.lint, tests, clone.build, clone.migrate]) {
      const { name, passed, seconds, output } = await step()
      t.true(passed, `${name}: ${output}`)
      t.log(`${name}: ${seconds.toFixed(0)} s`)
    }

    const env = { SECRET_KEY, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
    const server = startProcess(['scripts/start.mjs'], { cwd: clone.folder, env })
    t.teardown(() => void server.child.kill('SIGKILL'))
    const [, origin = ''] = await server.printed(/^my-app is on (http:\S+)/m)
    const home = await fetch(origin)
    t.is(home.status, 200)
    t.regex(await home.text(), /my-app/)
    t.is((await fetch(`${origin}/healthz`)).status, 200)
    t.is(await server.stop(), 0)
  })
}
