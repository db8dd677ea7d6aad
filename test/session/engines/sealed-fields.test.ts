import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { emptyData } from '../../../src/session/core/data.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { begun, open } from '../../support/requests.ts'
import { TEST_SECRET } from '../../support/secret.ts'

const DAY = 86_400_000
const codec = sealedCodec({ secrets: [TEST_SECRET], namespace: 'sid' })

/** An engine on a table of SQLite, whose rows a test can change. */
async function onTable(t: ExecutionContext, absoluteAge?: number) {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  const clock = { now: START }
  const now = () => clock.now
  const expiry = { ...EXPIRY, absoluteAge }
  const store = new DatabaseStore({ knex, table: 'sessions', now })
  const bench = { engine: new StoredEngine({ store, codec, expiry, now }), expiry, now, observe: () => {} }
  const session = async (cookie: string) => {
    const found = await bench.engine.open(cookie)
    if (!found.live) return undefined
    const { id, data, createdAt } = found.loaded
    return { id, data: { ...data }, createdAt }
  }
  return { knex, clock, bench, session, signedIn: () => begun(bench, { n: 0, _auth_user_id: '7' }) }
}

/** The value with one character changed, for each of them; and none, and another. */
function damages(value: unknown): (string | number | null)[] {
  const text = String(value)
  const changed = Array.from(text, (letter, at) => {
    const other =
      typeof value === 'number' ? String((Number(letter) + 1) % 10) : String.fromCharCode(letter.charCodeAt(0) ^ 1)
    return text.slice(0, at) + other + text.slice(at + 1)
  })
  return typeof value === 'number' ? [...changed.map(Number), 0] : [...changed, '', null]
}

test('a changed field of a row: nobody, or the very same session', async (t) => {
  const { knex, session, signedIn } = await onTable(t)
  const cookie = await signedIn()
  const expected = await session(cookie)
  t.deepEqual(expected?.data, { n: 0, _auth_user_id: '7' })
  const row: Record<string, unknown> = await knex('sessions').first()
  const opened = new Map<string, number>()
  for (const [column, value] of Object.entries(row)) {
    // A key is found or not; the data column may not be null.
    for (const damage of damages(value)) {
      const isRefused = await knex('sessions')
        .update({ [column]: damage })
        .then(
          () => false,
          () => true,
        )
      if (isRefused) continue
      const found = await session(cookie)
      if (found !== undefined) {
        t.deepEqual(found, expected, `${column} ${damage}`)
        opened.set(column, (opened.get(column) ?? 0) + 1)
      }
      await knex('sessions').update(row)
    }
  }
  t.deepEqual(await session(cookie), expected)
  // What says who, which session, and since when never opens another.
  for (const column of ['session_key', 'data', 'user_id', 'session_id', 'created_at'])
    t.false(opened.has(column), column)
})

test('a row cannot become that of another session or user', async (t) => {
  const { knex, session, signedIn } = await onTable(t)
  const [one, other] = [await signedIn(), await signedIn()]
  const rows: Record<string, unknown>[] = await knex('sessions').orderBy('session_key')
  for (const column of ['data', 'session_id']) {
    const [first, second] = rows.map((row) => row[column])
    await knex('sessions')
      .where('session_key', String(rows[0]?.['session_key']))
      .update({ [column]: second })
    await knex('sessions')
      .where('session_key', String(rows[1]?.['session_key']))
      .update({ [column]: first })
    t.deepEqual([await session(one), await session(other)], [undefined, undefined], column)
    for (const row of rows) await knex('sessions').where('session_key', String(row['session_key'])).update(row)
  }
  t.truthy(await session(one))
})

test('a later expiry in the row does not extend a session beyond its absolute age', async (t) => {
  const { knex, clock, session, signedIn } = await onTable(t, 30 * 86_400)
  const cookie = await signedIn()
  await knex('sessions').update({ expires: START + 300 * DAY })
  clock.now = START + 30 * DAY - 1000
  t.truthy(await session(cookie))
  clock.now = START + 30 * DAY
  t.is(await session(cookie), undefined)
})

test('records of an older version stay readable, and get metadata at the next save', async (t) => {
  const { knex, bench, session } = await onTable(t)
  const cookie = await begun(bench, { n: 1 })
  const key = codec.storeKey(cookie)
  const old = Object.assign(emptyData(), { n: 1 })
  await knex('sessions')
    .where({ session_key: key })
    .update({ data: codec.encode(cookie, old), session_id: null })
  const before = await session(cookie)
  t.deepEqual(before?.data, { n: 1 })
  const { session: changed, commit } = await open(bench, cookie)
  changed.set('n', 2)
  await commit()
  const row = await knex('sessions').first()
  const decoded = codec.decode(cookie, row.data)
  t.deepEqual(decoded.ok && decoded.metadata, { id: row.session_id, createdAt: START })
  t.deepEqual(await session(cookie), { ...before, data: { n: 2 } })
})

test('metadata that an older process copied to another record say nothing there', (t) => {
  const [one, other] = ['a'.repeat(32), 'b'.repeat(32)]
  const old = sealedCodec({ secrets: [TEST_SECRET], namespace: 'sid' })
  const data = Object.assign(emptyData(), { n: 1 })
  const written = codec.encode(one, data, { metadata: { id: 'x'.repeat(22), createdAt: START } })
  const first = codec.decode(one, written)
  t.deepEqual(first.ok && [first.metadata, { ...first.data }], [{ id: 'x'.repeat(22), createdAt: START }, { n: 1 }])
  // Without this version's decoder they are data like any other.
  const name = codec.storeKey(one).slice(0, 12)
  const copied = old.encode(
    other,
    Object.assign(emptyData(), { n: 1, _session_metadata: [name, 'x'.repeat(22), START] }),
  )
  const second = codec.decode(other, copied)
  t.deepEqual(second.ok && [second.metadata, { ...second.data }], [undefined, { n: 1 }])
})
