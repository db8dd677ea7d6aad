import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { VARIANTS } from '../../src/features/choosing/variants.ts'
import { projectRoot } from '../../src/paths.ts'
import { EXCEPTIONS, type Exception } from './exceptions.ts'

for (const { engines, document, says } of Object.values<Exception>(EXCEPTIONS)) {
  test(`where the engine is chosen, it is written: ${says}`, (t) => {
    if (document === 'docs/django.md') {
      const text = readFileSync(join(projectRoot, document), 'utf8').replaceAll(/\s+/g, ' ')
      return void t.true(text.includes(says))
    }
    // A name has the format or the place of the session behind a comma, and the server behind "on".
    const named = new Set(engines.map((engine) => engine.split(/,| on /)[0]))
    const saying = VARIANTS.filter(({ exceptions }) => exceptions.includes(says))
    t.deepEqual(new Set(saying.map(({ engine }) => engine)), named)
  })
}
