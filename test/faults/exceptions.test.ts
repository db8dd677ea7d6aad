import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readChoices } from '../../scripts/documents/choosing.ts'
import { projectRoot } from '../../src/paths.ts'
import { LIMITS } from './matrix/exceptions.ts'
import { FAULTS } from './matrix/faults.ts'
import { SET_UPS } from './matrix/set-ups.ts'

const present = new Set(SET_UPS.map(({ name }) => name))
const limits = new Set((await readChoices()).flatMap((choice) => choice.limits))
const document = readFileSync(join(projectRoot, 'docs/choosing-an-engine.md'), 'utf8').replaceAll(/\s+/g, ' ')

for (const { setUps, faults, says } of LIMITS.filter((limit) => limit.setUps.some((name) => present.has(name)))) {
  test(`the guide to choosing an engine says: ${says}`, (t) => {
    t.true(limits.has(says), 'as a limit of an engine')
    t.true(document.includes(says), 'and the document is up to date')
    t.deepEqual(
      faults.filter((name) => !FAULTS.some((fault) => fault.name === name)),
      [],
    )
    t.true(setUps.length > 0)
  })
}
