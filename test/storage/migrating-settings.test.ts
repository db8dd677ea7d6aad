import test from 'ava'
import { engines, formats } from '../../src/storage/index.ts'
import migrating from '../../src/storage/migrating.ts'
import { configOf, refused } from '../support/settings.ts'

const step = (env: Record<string, string>) => configOf({ NODE_ENV: 'test', ...env }).session.migrating
const from = (env: Record<string, string>) => step(env)?.other
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
    [{ SESSION_MOVING_TO: 'attic' }, /^SESSION_MOVING_TO is wrong: must be an engine/],
    [{ SESSION_MOVING_TO: 'x', SESSION_MOVING_FROM: 'y' }, /^SESSION_MOVING_TO and SESSION_MOVING_FROM are different/],
    [{ SESSION_MOVING_DATABASE_URL: 'sqlite:./x' }, /^SESSION_MOVING_DATABASE_URL has no effect without/],
  ])
})

test('the same engine may be in another database', (t) => {
  const SESSION_MOVING_DATABASE_URL = 'sqlite:./other.sqlite3'
  const other = { engine: first, format: format?.name }
  const to = step({ SESSION_MOVING_TO: first ?? '', SESSION_MOVING_DATABASE_URL })
  t.like(to, { moves: false, databaseUrl: SESSION_MOVING_DATABASE_URL, other })
  t.like(step({ SESSION_MOVING_FROM: first ?? '', SESSION_MOVING_DATABASE_URL }), { moves: true, other })
})
