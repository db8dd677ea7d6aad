import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { startProcess } from '../../support/processes.ts'
import { cloneProject } from '../../support/project.ts'

async function isWhole(t: ExecutionContext, folder: string): Promise<void> {
  const tsc = startProcess(['node_modules/typescript/bin/tsc', '--noEmit'], { cwd: folder })
  t.is(await tsc.ended(), 0, tsc.output())
  const biome = ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']
  const lint = startProcess(biome, { cwd: folder })
  t.is(await lint.ended(), 0, lint.output())
}

const LINE = `  () => import('./tiny/index.ts'),
`
const TINY = `import Router from '@koa/router'
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
`

test.serial('a feature without views, style, seed, migrations or German breaks nothing', async (t) => {
  t.timeout(240_000)
  const folder = await cloneProject(t)
  await mkdir(join(folder, 'src/features/tiny'))
  await writeFile(join(folder, 'src/features/tiny/index.ts'), TINY)
  const registry = join(folder, 'src/features/index.ts')
  const line = /( {2}\(\) => import\('\.\/\w+\/index\.ts'\),\n)(?=\])/
  await writeFile(registry, (await readFile(registry, 'utf8')).replace(line, `$1${LINE}`))
  await isWhole(t, folder)
  const files = ['test/features/registry.test.ts', 'test/web/translations.test.ts', 'test/web/http.test.ts']
  const ava = startProcess(['node_modules/ava/entrypoints/cli.mjs', ...files], { cwd: folder })
  t.is(await ava.ended(), 0, ava.output())
})
