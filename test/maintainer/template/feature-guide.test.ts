import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { blocksOf } from '../../support/blocks.ts'
import { startProcess } from '../../support/processes.ts'
import { cloneProject } from '../../support/project.ts'

const GUIDE = 'docs/adding-a-feature.md'
const REGISTRY = 'src/features/index.ts'
const TRANSLATION = 'src/features/notebook/locales/de.json'
const TESTS = [
  'test/features/notebook/notebook.test.ts',
  'test/features/registry.test.ts',
  'test/security/anonymous-visitors.test.ts',
  'test/security/routes.test.ts',
  'test/web/translations.test.ts',
  'test/web/views.test.ts',
]

if (existsSync(join(projectRoot, GUIDE))) {
  test('the feature that the guide prints migrates, compiles and passes its test and those of all features', async (t) => {
    t.timeout(300_000)
    const folder = await cloneProject(t)
    for (const block of await blocksOf(GUIDE)) {
      const file = block.language === 'json' ? TRANSLATION : block.file
      if (file === undefined) {
        t.is(block.language, 'sh')
        continue
      }
      const place = join(folder, file)
      await mkdir(dirname(place), { recursive: true })
      await writeFile(place, file === REGISTRY ? withLine(await readFile(place, 'utf8'), block.code) : block.code)
    }
    const run = async (...args: string[]) => {
      const program = startProcess(args, { cwd: folder })
      t.is(await program.ended(), 0, program.output())
    }
    await run('scripts/run.mjs', 'knex', 'migrate:latest')
    await run('scripts/run.mjs', 'knex', 'migrate:rollback')
    await run('node_modules/typescript/bin/tsc', '--noEmit')
    await run('node_modules/ava/entrypoints/cli.mjs', ...TESTS)
  })
}

/** The registry with the line of the block, whose first line is the file's name. */
function withLine(registry: string, code: string): string {
  return registry.replace(/^ {2}\(\) => import\('[^']+'\),\n(?=\])/m, `$&${code.slice(code.indexOf('\n') + 1)}`)
}
