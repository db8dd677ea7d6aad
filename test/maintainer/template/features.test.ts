import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { blocksOf } from '../../support/blocks.ts'
import { startProcess } from '../../support/processes.ts'
import { addFeature, cloneProject, writeBatch } from '../../support/project.ts'

const GUIDE = 'docs/adding-a-feature.md'
const REGISTRY = 'src/features/index.ts'
const TRANSLATION = 'src/features/notebook/locales/de.json'
const TESTS = ['features/registry', 'security/anonymous-visitors', 'security/routes', 'web/translations', 'web/views']
const TINY = {
  'src/features/tiny/index.ts': `import Router from '@koa/router'
import { defineFeature } from '../../web/feature.ts'

export default defineFeature({
  name: 'tiny',
  open() {
    const router = new Router()
    router.get('/tiny', (ctx) => {
      ctx.body = 'A sentence without German.'
    })
    return { routes: router.routes() }
  },
})
`,
  'test/features/tiny/access.ts': `import type { Access } from '../../support/routes.ts'

export const access: Access = { 'GET /tiny': 'everyone, without a session' }
`,
}

test('the feature of the guide, and one with nothing but a route, pass the tests of all features', async (t) => {
  t.timeout(300_000)
  const folder = await cloneProject(t)
  const write = async (file: string, text: string) => {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  const run = async (...args: string[]) => {
    const program = startProcess(args, { cwd: folder })
    t.is(await program.ended(), 0, program.output())
  }
  // The guide goes with accounts, which it needs.
  const hasGuide = existsSync(join(projectRoot, GUIDE))
  for (const block of hasGuide ? await blocksOf(GUIDE) : []) {
    const file = block.language === 'json' ? TRANSLATION : block.file
    if (file === undefined) t.is(block.language, 'sh')
    else if (file === REGISTRY) await write(file, withLine(await readFile(join(folder, file), 'utf8'), block.code))
    else await write(file, block.code)
  }
  for (const [file, text] of Object.entries(TINY)) await write(file, text)
  await addFeature(folder, 'src/features/tiny/index.ts')

  await run('scripts/run.mjs', 'knex', 'migrate:latest')
  await run('scripts/run.mjs', 'knex', 'migrate:rollback')
  await run('node_modules/typescript/bin/tsc', '--noEmit', '--singleThreaded')
  const tests = hasGuide ? ['features/notebook/notebook', ...TESTS] : TESTS
  const batch = await writeBatch(
    folder,
    tests.map((name) => `test/${name}.test.ts`),
  )
  await run('node_modules/ava/entrypoints/cli.mjs', batch)
})

/** The registry with the line of the block, whose first line is the file's name. */
function withLine(registry: string, code: string): string {
  return registry.replace(/^ {2}\(\) => import\('[^']+'\),\n(?=\])/m, `$&${code.slice(code.indexOf('\n') + 1)}`)
}
