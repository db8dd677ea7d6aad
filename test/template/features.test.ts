import { readdirSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../src/paths.ts'
import { startProcess } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

for (const feature of readdirSync(join(projectRoot, 'src/features'))) {
  test.serial(`without ${feature}: one line less, and the rest compiles and passes`, async (t) => {
    const folder = await cloneProject(t)
    await rm(join(folder, 'src/features', feature), { recursive: true })
    await rm(join(folder, 'views', feature), { recursive: true })
    // Tests are named by the features they need.
    for (const file of await readdir(join(folder, 'test'), { recursive: true })) {
      if (basename(file).split(/[.+]/).includes(feature)) await rm(join(folder, 'test', file))
      // The visits on every engine take long, and say nothing more of what was deleted.
      else if (basename(file).startsWith('engines.')) await rm(join(folder, 'test', file))
    }
    const stack = await readFile(join(folder, 'src/app.ts'), 'utf8')
    const lines = stack.split('\n').filter((line) => !line.includes(`./features/${feature}/`))
    t.is(lines.length, stack.split('\n').length - 1)
    await writeFile(join(folder, 'src/app.ts'), lines.join('\n'))

    const tsc = startProcess(['node_modules/typescript/bin/tsc', '--noEmit'], { cwd: folder })
    t.is(await tsc.ended(), 0, tsc.output())
    const ava = startProcess(
      ['node_modules/ava/entrypoints/cli.mjs', 'test/features/*.test.ts', 'test/web/*.test.ts'],
      { cwd: folder },
    )
    t.is(await ava.ended(), 0, ava.output())
    t.regex(ava.output(), /\d+ tests passed/)
  })
}
