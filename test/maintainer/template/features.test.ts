import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { startProcess } from '../../support/processes.ts'
import { cloneProject } from '../../support/project.ts'

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

const ACCESS = `import type { Access } from '../../support/routes.ts'

export const access: Access = { 'GET /tiny': 'everyone, without a session' }
`

test.serial('a feature without views, style, seed, migrations or German breaks nothing', async (t) => {
  t.timeout(240_000)
  const folder = await cloneProject(t)
  for (const place of ['src', 'test']) await mkdir(join(folder, place, 'features/tiny'))
  await writeFile(join(folder, 'src/features/tiny/index.ts'), TINY)
  await writeFile(join(folder, 'test/features/tiny/access.ts'), ACCESS)
  const registry = join(folder, 'src/features/index.ts')
  const line = /( {2}\(\) => import\('\.\/\w+\/index\.ts'\),\n)(?=\])/
  await writeFile(registry, (await readFile(registry, 'utf8')).replace(line, `$1${LINE}`))
  // Types of the tests do not depend on which features there are.
  const config = join(folder, 'tsconfig.json')
  await writeFile(config, JSON.stringify({ ...JSON.parse(await readFile(config, 'utf8')), include: ['src'] }))
  const files = ['features/registry', 'security/routes', 'web/translations'].map((name) => `test/${name}.test.ts`)
  for (const args of [
    ['node_modules/typescript/bin/tsc', '--noEmit'],
    ['node_modules/ava/entrypoints/cli.mjs', ...files],
  ]) {
    const check = startProcess(args, { cwd: folder })
    t.is(await check.ended(), 0, check.output())
  }
})
