import test from 'ava'
import { ChoiceError, PRESETS, partsToRemove, partToRemove } from '../../../scripts/maintainer/trim/choice.ts'
import { OWN_FORMAT, type Part } from '../../../scripts/maintainer/trim/parts.ts'

function part(kind: Part['kind'], name: string, requires: readonly string[] = []): Part {
  return { kind, name, requires, lines: [], places: [] }
}

const PARTS = [
  part('engine', 'table'),
  part('engine', 'copies', ['cache', OWN_FORMAT]),
  part('cache', 'near'),
  part('cache', 'far'),
  { ...part('format', 'secret'), provides: OWN_FORMAT },
  part('format', 'plain'),
  part('migration', 'migrating'),
  part('feature', 'users'),
  part('feature', 'shop', ['users']),
  part('feature', 'orders', ['shop']),
  part('feature', 'help'),
  part('language', 'de'),
]

const namesOf = (parts: readonly Part[]) => parts.map(({ name }) => name)

test('what is not named is kept, and everything is kept where nothing is named', (t) => {
  t.deepEqual(partsToRemove(PARTS, {}), [])
  t.deepEqual(namesOf(partsToRemove(PARTS, { languages: ['en'] })), ['de'])
})

test('features bring those that they require, one through the other', (t) => {
  t.deepEqual(namesOf(partsToRemove(PARTS, { features: ['orders'] })), ['help'])
  t.deepEqual(namesOf(partsToRemove(PARTS, { features: ['help'] })), ['users', 'shop', 'orders'])
})

test('caches go where no engine needs one, and migrating where there is nothing to migrate to', (t) => {
  t.deepEqual(namesOf(partsToRemove(PARTS, { engines: ['table'] })), ['copies', 'near', 'far'])
  t.deepEqual(namesOf(partsToRemove(PARTS, { engines: ['table'], formats: ['secret'] })), [
    'copies',
    'near',
    'far',
    'plain',
    'migrating',
  ])
  t.deepEqual(namesOf(partsToRemove(PARTS, { engines: ['copies'], caches: ['far'], migrating: false })), [
    'table',
    'near',
    'migrating',
  ])
})

test('one part takes the features along that require it, and no other part', (t) => {
  t.deepEqual(namesOf(partToRemove(PARTS, 'users')), ['users', 'shop', 'orders'])
  t.deepEqual(namesOf(partToRemove(PARTS, 'orders')), ['orders'])
  t.deepEqual(namesOf(partToRemove(PARTS, 'near')), ['near'])
})

test('a format takes the engines along that work with no other, and their caches', (t) => {
  t.deepEqual(namesOf(partToRemove(PARTS, 'secret')), ['secret', 'copies', 'near', 'far'])
  t.deepEqual(namesOf(partToRemove(PARTS, 'plain')), ['plain'])
  t.deepEqual(namesOf(partsToRemove(PARTS, { formats: ['plain'] })), ['copies', 'near', 'far', 'secret', 'migrating'])
})

test('what cannot be is a sentence', (t) => {
  const refused = (work: () => unknown, message: RegExp) => t.throws(work, { instanceOf: ChoiceError, message })
  refused(
    () => partsToRemove(PARTS, { engines: ['attic'] }),
    /^There is no engine "attic": choose from table, copies\.$/,
  )
  refused(() => partsToRemove(PARTS, { languages: ['fr'] }), /^There is no language "fr"/)
  refused(() => partsToRemove(PARTS, { engines: [] }), /at least one engine/)
  refused(() => partsToRemove(PARTS, { formats: [] }), /at least one format/)
  refused(() => partsToRemove(PARTS, { engines: ['copies'], caches: [] }), /at least one cache/)
  refused(
    () => partsToRemove(PARTS, { engines: ['table', 'copies'], formats: ['plain'] }),
    /^The format plain does not work with the engines copies: keep another one as well\.$/,
  )
  refused(() => partToRemove(PARTS, 'attic'), /^There is no part "attic"/)
  refused(() => partToRemove([part('engine', 'table'), part('format', 'secret')], 'table'), /at least one engine/)
})

test('presets name nothing that the project does not have', async (t) => {
  const { readParts } = await import('../../../scripts/maintainer/trim/parts.ts')
  const { projectRoot } = await import('../../../src/paths.ts')
  const parts = await readParts(projectRoot)
  for (const wanted of Object.values(PRESETS)) t.notThrows(() => partsToRemove(parts, wanted))
})
