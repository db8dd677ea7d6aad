import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import test from 'ava'
import { z } from 'zod'
import { loadFeatures } from '../../src/features/index.ts'
import { projectRoot } from '../../src/paths.ts'
import { defineSettings, setting } from '../../src/settings.ts'
import { defineFeature, type Feature } from '../../src/web/feature.ts'
import { startApp } from '../support/app.ts'

const foldersIn = (path: string) =>
  readdirSync(join(projectRoot, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

test('every feature folder has a line in the registry, and its name', async (t) => {
  const names = (await loadFeatures()).map(({ name }) => name)
  t.deepEqual([...names].sort(), foldersIn('src/features').sort())
  for (const place of ['views', 'test/features']) {
    t.deepEqual(
      foldersIn(place).filter((name) => !names.includes(name)),
      [],
      `folders in ${place}`,
    )
  }
})

test('a feature is only imported by the registry, and by features that require it', async (t) => {
  const required = new Map((await loadFeatures()).map(({ name, requires }) => [name, requires]))
  const root = join(projectRoot, 'src/features')
  const featureOf = (path: string) => {
    const [name = '', ...below] = relative(root, path).split(sep)
    return name !== '..' && below.length > 0 ? name : undefined
  }
  const foreign: string[] = []
  for (const folder of ['src', 'scripts', 'migrations']) {
    for (const name of readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.m?[tj]s$/.test(name)) continue
      const file = join(projectRoot, folder, name)
      for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
        const [from, to] = [featureOf(file), featureOf(join(dirname(file), target))]
        if (to === undefined || to === from || file === join(root, 'index.ts')) continue
        if (!required.get(from ?? '')?.includes(to)) foreign.push(`${join(folder, name)} -> ${target}`)
      }
    }
  }
  t.deepEqual(foreign, [])
})

const module = (feature: Feature) => async () => ({ default: feature })

test('a feature that requires a missing one is refused by name', async (t) => {
  const base = defineFeature({ name: 'base', open: () => t.fail('not opened') as never })
  const above = defineFeature({ name: 'above', requires: ['base'], open: () => t.fail('not opened') as never })
  t.deepEqual(await loadFeatures([module(above), module(base)]), [above, base])
  await t.throwsAsync(loadFeatures([module(above)]), { message: 'The feature above requires the feature base.' })
})

test('the settings of a feature are read from the environment, and the first invalid one is named', async (t) => {
  const { services, close } = await startApp()
  t.teardown(close)
  const read: unknown[] = []
  const { open } = defineFeature({
    name: 'tiny',
    settings: defineSettings({
      TINY_LIMIT: setting(z.coerce.number().max(9, 'must be at most 9').default(3), 'How many'),
    }),
    open: (_services, { TINY_LIMIT }) => {
      read.push(TINY_LIMIT)
      throw new Error('opened')
    },
  })
  t.throws(() => open(services, {}), { message: 'opened' })
  t.throws(() => open(services, { TINY_LIMIT: '4' }), { message: 'opened' })
  t.deepEqual(read, [3, 4])
  t.throws(() => open(services, { TINY_LIMIT: '10' }), {
    name: 'ConfigError',
    message: 'TINY_LIMIT is wrong: must be at most 9.',
  })
})

test('only the styles and browser scripts of a feature are under /assets', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  t.is((await fetch(`${app.origin}/assets/index.ts`)).status, 404)
  for (const name of foldersIn('src/features')) {
    const files = readdirSync(join(projectRoot, 'src/features', name))
    for (const file of files.filter((file) => file.includes('.'))) {
      const isAsset = file === `${name}.css` || file === `${name}.browser.js`
      t.is((await fetch(`${app.origin}/assets/${file}`)).status, isAsset ? 200 : 404, file)
    }
  }
})
