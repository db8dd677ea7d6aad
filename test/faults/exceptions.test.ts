import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../src/paths.ts'
import { SHOWN_EARLY } from '../../src/storage/limits.ts'
import { LIMITS } from './matrix/exceptions.ts'
import { FAULTS } from './matrix/faults.ts'
import { SET_UPS } from './matrix/set-ups.ts'

const present = new Set(SET_UPS.map(({ name }) => name))
const limits = LIMITS.filter(({ setUps }) => setUps.some((name) => present.has(name)))
const isUnsettled = SET_UPS.some(({ unsettledMs }) => unsettledMs !== undefined)
const document = readFileSync(join(projectRoot, 'docs/choosing-an-engine.md'), 'utf8').replaceAll(/\s+/g, ' ')

for (const says of [...limits.map((limit) => limit.says), ...(isUnsettled ? [SHOWN_EARLY] : [])]) {
  test(`the guide to choosing an engine says: ${says}`, (t) => {
    t.true(document.includes(says))
  })
}

test('the limits are about faults of the matrix', (t) => {
  const names = FAULTS.map(({ name }) => name)
  for (const { faults, says } of limits) t.true(faults.length > 0 && faults.every((name) => names.includes(name)), says)
})
