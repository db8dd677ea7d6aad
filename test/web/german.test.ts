import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { LAYOUT_GERMAN } from '../../src/web/i18n.ts'

test('every text of every view and message has its German', async (t) => {
  const features = readdirSync('src/features')
  const german = new Set(Object.keys(LAYOUT_GERMAN))
  for (const feature of features) {
    const module: { german: Record<string, string> } = await import(`../../src/features/${feature}/german.ts`)
    for (const text of Object.keys(module.german)) german.add(text)
  }
  const views = readdirSync('views', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.njk'))
  const missing = views.flatMap((file) =>
    [...readFileSync(`views/${file}`, 'utf8').matchAll(/\bt\('((?:[^'\\]|\\.)+)'/g)]
      .map(([, text]) => text)
      .filter((text) => text !== undefined && !german.has(text)),
  )
  t.deepEqual(missing, [])
})
