import test from 'ava'
import { engines, formats } from '../../src/storage/index.ts'
import migrating from '../../src/storage/migrating.ts'
import { configOf, refused } from '../support/settings.ts'

const from = (env: Record<string, string>) => configOf({ NODE_ENV: 'test', ...env }).session.migratingFrom
const [first, second] = engines.map(({ name }) => name)
const [format, other] = formats

test(`while ${migrating.name}, sessions come from another engine, with the same table`, (t) => {
  t.is(from({}), undefined)
  if (first === undefined || second === undefined) return
  const SESSION_MOVING_FROM = first
  t.like(from({ SESSION_ENGINE: second, SESSION_MOVING_FROM }), { engine: first, format: format?.name })
  t.like(from({ SESSION_ENGINE: second, SESSION_MOVING_FROM, SESSION_TABLE: 'own' }), { table: 'own' })
})

test('sessions may come from another format, with the table of that format', (t) => {
  if (first === undefined || other === undefined) return t.pass()
  t.deepEqual(from({ SESSION_MOVING_FROM: `${first},${other.name}`, SESSION_TABLE: 'own_sessions' }), {
    engine: first,
    format: other.name,
    table: other.table,
  })
})

test('an invalid SESSION_MOVING_FROM is reported in one sentence', (t) => {
  refused(t, [
    [{ SESSION_MOVING_FROM: 'attic' }, /^SESSION_MOVING_FROM is wrong: must be an engine/],
    [{ SESSION_MOVING_FROM: `${first},attic` }, /^SESSION_MOVING_FROM is wrong: must be an engine/],
    [{ SESSION_MOVING_FROM: first ?? '' }, /^SESSION_MOVING_FROM is wrong: it names the current engine/],
  ])
})
