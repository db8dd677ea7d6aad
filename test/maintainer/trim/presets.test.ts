import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { PRESETS } from '../../../scripts/maintainer/trim/choice.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { trimmed } from './clones.ts'

// The build is the same program with fewer files in each of them; the others run from the sources.
const BUILT = 'starter'
const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

// What enumerates all parts or walks all documents, in the smallest presets; on each of them one page, command or file of
// its own. All tests that could notice are run by "npm run test:trim -- engine starter cookies".
const TESTS: Readonly<Record<string, readonly string[]>> = {
  engine: ['docs/mentions', 'features/registry', 'storage/parts', 'web/error-pages', 'web/translations'],
  starter: ['docs/mentions', 'features/registry', 'features/preferences/preferences'],
  cookies: ['docs/mentions', 'docs/documents', 'config', 'storage/names', 'web/health'],
}

for (const preset of Object.keys(PRESETS)) {
  test.serial(`what is left by --preset ${preset} is a project that works`, async (t) => {
    t.timeout(600_000)
    const clone = await trimmed(t, ['--preset', preset, '--name', 'my-app'])
    t.true(clone.trim.passed, clone.trim.output)
    const read = async (file: string) => await readFile(join(clone.folder, file), 'utf8')
    const { name, scripts } = JSON.parse(await read('package.json'))
    t.is(name, 'my-app')
    t.false('test:faults' in scripts || existsSync(join(clone.folder, 'test/faults')), 'what only maintainers run')
    t.is(JSON.parse(await read('package-lock.json')).packages[''].name, 'my-app')
    const said = (await read('README.md')) + (await read('.github/workflows/ci.yml'))
    for (const [, command] of said.matchAll(/npm run ([\w:]+)/g)) {
      t.true(command !== undefined && command in scripts, command)
    }

    const files = (TESTS[preset] ?? []).map((name) => `test/${name}.test.ts`)
    t.deepEqual(
      files.filter((file) => !existsSync(join(clone.folder, file))),
      [],
    )
    const tests = () => clone.batch(files)
    const builds = preset === BUILT ? [clone.build] : []
    for (const step of [clone.types, () => clone.lint('.'), tests, ...builds, clone.migrate]) {
      const { name, passed, seconds, output } = await step()
      t.true(passed, `${name}: ${output}`)
      t.log(`${name}: ${seconds.toFixed(0)} s`)
    }

    const env = { NODE_ENV: 'production', SECRET_KEY, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
    const program = preset === BUILT ? ['scripts/start.mjs'] : [TYPESCRIPT, 'src/server.ts']
    const server = startProcess(program, { cwd: clone.folder, env })
    t.teardown(() => void server.child.kill('SIGKILL'))
    const [, origin = ''] = await server.printed(/^my-app is on (http:\S+)/m)
    const home = await fetch(origin)
    t.is(home.status, 200)
    t.regex(await home.text(), /my-app/)
    t.is((await fetch(`${origin}/healthz`)).status, 200)
    t.is(await server.stop(), 0)
  })
}
