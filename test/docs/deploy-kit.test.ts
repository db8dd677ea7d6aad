import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { z } from 'zod'
import { variableNames } from '../../src/config.ts'
import { loadFeatures } from '../../src/features/index.ts'
import { projectRoot } from '../../src/paths.ts'
import { startApp } from '../support/app.ts'
import { startProcess } from '../support/processes.ts'

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8')
// Of Node, and of other images.
const FOREIGN = /^(NODE_ENV|POSTGRES_\w+)$/

test('what the Dockerfile copies is there, and the container runs node itself, not as root', (t) => {
  const dockerfile = read('ops/Dockerfile')
  const [build = '', image = ''] = dockerfile.split(/^FROM .*-slim$/m)
  for (const [, names = ''] of build.matchAll(/^COPY (.*) \.\/$/gm))
    for (const name of names.split(' ')) t.true(existsSync(join(projectRoot, name)), name)
  const copied = [...image.matchAll(/^COPY --from=build \/srv\/app\/(\S+)/gm)].map(([, name = '']) => name)
  t.true(copied.includes('dist'))
  for (const name of copied)
    if (!/^(dist|node_modules)$|package/.test(name)) t.true(existsSync(join(projectRoot, name)))
  t.true(image.indexOf('USER node') > image.lastIndexOf('COPY'))
  t.regex(image, /^CMD \["node", "scripts\/start\.mjs"\]$/m)
})

test('the health check of the image is 0 while the application is ready, and 1 otherwise', async (t) => {
  const [, command = ''] = /^HEALTHCHECK[\s\S]*?CMD (\[.*\])$/m.exec(read('ops/Dockerfile')) ?? []
  const [, ...args] = z.array(z.string()).parse(JSON.parse(command))
  const app = await startApp()
  const { port } = new URL(app.origin)
  const check = () => startProcess(args, { env: { PORT: port } }).ended()
  t.is(await check(), 0)
  await app.services.close()
  t.is(await check(), 1)
  await app.close().catch(() => {})
  t.is(await check(), 1)
})

test('every setting in the files of the kit is one of the project', async (t) => {
  const ofFeatures = (await loadFeatures()).flatMap(({ settings }) => Object.keys(settings.variables))
  const known = new Set([...variableNames, ...ofFeatures])
  const inCompose = [...read('ops/compose.yaml').matchAll(/^ +([A-Z][A-Z_]+):/gm)].map(([, name = '']) => name)
  const [, inImage = ''] = /^ENV (.*)$/m.exec(read('ops/Dockerfile')) ?? []
  const all = [...inCompose, ...[...inImage.matchAll(/([A-Z_]+)=/g)].map(([, name = '']) => name)]
  t.true(all.includes('SECRET_KEY') && all.includes('HOST'))
  t.deepEqual(
    all.filter((name) => !known.has(name) && !FOREIGN.test(name)),
    [],
  )
})
