import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../src/paths.ts'
import { LIMITS } from './matrix/exceptions.ts'
import { FAULTS } from './matrix/faults.ts'
import { SET_UPS } from './matrix/set-ups.ts'

const present = new Set(SET_UPS.map(({ name }) => name))
const document = readFileSync(join(projectRoot, 'docs/choosing-an-engine.md'), 'utf8').replaceAll(/\s+/g, ' ')

for (const { setUps, faults, says } of LIMITS.filter((limit) => limit.setUps.some((name) => present.has(name)))) {
  test(`the guide to choosing an engine says: ${says}`, (t) => {
    t.true(document.includes(says))
    t.deepEqual(
      faults.filter((name) => !FAULTS.some((fault) => fault.name === name)),
      [],
    )
    t.true(setUps.length > 0)
  })
}
