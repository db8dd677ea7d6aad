import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import type { SaveOutcome, SessionRecord, SessionStore, Version } from '../../../src/session/stores/store.ts'
import { LAYOUTS } from '../../storage/layouts.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { statementCounter } from '../../support/statements.ts'
import { HOUR, record, START } from './bench.ts'

type Options = Partial<ConstructorParameters<typeof DatabaseStore>[0]>

async function open(t: ExecutionContext, options: Options = {}) {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const store = new DatabaseStore({ knex, table: 'sessions', now: () => START, ...options })
  return { url, knex, store }
}

async function createAll(store: SessionStore, keys: readonly string[], content = record({})): Promise<Version[]> {
  const versions: Version[] = []
  for (const key of keys) versions.push(await store.create(key, { ...content, data: `first ${key}` }))
  return versions
}

const named = (count: number) => Array.from({ length: count }, (_, index) => `key${index}`)
const only = (outcomes: readonly SaveOutcome[]) => outcomes.map(({ outcome }) => outcome)

for (const { name, layout, table, columns } of LAYOUTS) {
  test(`loads that wait together are one statement, and each gets its own record, ${name} layout`, async (t) => {
    const { knex, store } = await open(t, { layout, table })
    const counted = await statementCounter(knex)
    const keys = named(32)
    t.is(await counted(() => createAll(store, keys)), keys.length)
    const expected = [...keys.map((key) => `first ${key}`), 'first key3', undefined]
    let loaded: (string | undefined)[] = []
    const statements = await counted(async () => {
      const records = await Promise.all([...keys, 'key3', 'never'].map((key) => store.load(key)))
      t.not(records[3], records[32], 'no two share a record')
      loaded = records.map((found) => found?.data)
    })
    t.deepEqual(loaded, expected)
    t.is(statements, 1)
  })

  test(`changes that wait together are one statement, ${name} layout`, async (t) => {
    const { knex, store } = await open(t, { layout, table })
    const counted = await statementCounter(knex)
    const saved = new Map<string, SaveOutcome>()
    for (const count of [1, 2, 3, 31, 32, 33]) {
      const keys = named(count).map((key) => `${key}of${count}`)
      let versions: Version[] = []
      const create = async () => {
        versions = await createAll(store, keys)
      }
      t.is(await counted(create), count)
      const times = { expires: START + 2 * HOUR, lastActivity: START + 1 }
      const touch = async () => {
        const touched = await Promise.all(keys.map((key, index) => store.touch(key, versions[index] ?? '', times)))
        t.deepEqual(new Set(touched), new Set(['done']))
      }
      t.is(await counted(touch), 1)
      const save = async (key: string, index: number) =>
        saved.set(key, await store.save(key, versions[index] ?? '', record({ data: `second ${key}` })))
      t.is(await counted(() => Promise.all(keys.map(save))), 1)
    }
    for (const [key, outcome] of saved) {
      const found = await store.load(key)
      t.is(found?.data, `second ${key}`)
      t.deepEqual(outcome, { outcome: 'saved', version: found?.version ?? '' })
    }
    t.is(saved.size, 102)
  })

  test(`of changes that wait together each has its own outcome, ${name} layout`, async (t) => {
    const clock = { now: START }
    const { store } = await open(t, { layout, table, now: () => clock.now })
    const [fresh = '', stale = '', ended = ''] = await createAll(store, ['fresh', 'stale', 'ended'])
    const over = await store.create('expired', record({ expires: START + 1 }))
    await store.save('stale', stale, record({ data: 'somebody else' }))
    await store.delete('ended')
    clock.now = START + 1
    const attempts: [string, Version][] = [
      ['fresh', fresh],
      ['stale', stale],
      ['ended', ended],
      ['expired', over],
      ['never', fresh],
      ["' OR 1=1--", fresh],
    ]
    const times = { expires: START + 3 * HOUR, lastActivity: START }
    const outcomes = ['conflict', 'missing', 'missing', 'missing', 'missing']
    t.deepEqual(await Promise.all(attempts.map(([key, version]) => store.touch(key, version, times))), [
      'done',
      ...outcomes,
    ])
    const saves = attempts.map(([key, version]) => store.save(key, version, record({ data: 'mine' })))
    t.deepEqual(only(await Promise.all(saves)), ['saved', ...outcomes])
    t.is((await store.load('fresh'))?.data, 'mine')
    t.is((await store.load('stale'))?.data, 'somebody else')
    t.is(await store.load('expired'), undefined)
  })

  test(`of saves over one version that wait together one is done, ${name} layout`, async (t) => {
    const { store } = await open(t, { layout, table })
    const [a = '', b = ''] = await createAll(store, ['a', 'b'])
    const attempts = ['1', '2', '3', '4'].map((data) => store.save('a', a, record({ data })))
    const other = store.save('b', b, record({ data: 'b' }))
    t.deepEqual(only(await Promise.all([...attempts, other])), ['saved', 'conflict', 'conflict', 'conflict', 'saved'])
    t.is((await store.load('a'))?.data, '1')
  })

  test(`a load begun after an answer to a save sees it, however many are under way, ${name} layout`, async (t) => {
    const { store } = await open(t, { layout, table })
    const keys = named(8)
    await createAll(store, keys)
    const visit = async (key: string) => {
      for (let n = 1; n <= 50; n++) {
        const read = await store.load(key)
        const saved = await store.save(key, read?.version ?? '', record({ data: `${key} ${n}` }))
        if (saved.outcome !== 'saved' || (await store.load(key))?.data !== `${key} ${n}`) return `${key} ${n}`
      }
      return 'always seen'
    }
    t.deepEqual(new Set(await Promise.all(keys.map(visit))), new Set(['always seen']))
  })

  test(`unusual text is stored byte for byte, alone or in a batch, ${name} layout`, async (t) => {
    const { knex, store } = await open(t, { layout, table })
    const texts = [
      'NUL \0 within',
      '\0',
      'half a \ud83d pair',
      '\udca9',
      'ü💥\u2028\ufeff',
      `"quoted" 'quoted' \\ \\u0041 {"a":[1]}`,
      '',
      '007',
      '1e3',
      'null',
      '\u0001\u001f\t\r\n\u007f',
      'x'.repeat(1024 * 1024),
    ]
    const strange = (text: string): SessionRecord =>
      record({ data: text, userId: text.slice(0, 60), userAgent: text.slice(0, 60), ipAddress: null })
    const alone = texts.map((_, index) => `alone${index}`)
    const together = texts.map((_, index) => `together${index}`)
    const versions = await createAll(store, [...alone, ...together])
    for (const [index, text] of texts.entries()) {
      await store.save(alone[index] ?? '', versions[index] ?? '', strange(text))
    }
    const saves = texts.map((text, index) =>
      store.save(together[index] ?? '', versions[index + texts.length] ?? '', strange(text)),
    )
    t.true(only(await Promise.all(saves)).every((outcome) => outcome === 'saved'))
    const bytes = columns.map((column) => `typeof(${column}) || hex(CAST(${column} AS BLOB)) AS ${column}`).join(', ')
    const stored = async (key: string) => await knex.raw(`SELECT ${bytes} FROM ${table} WHERE session_key = ?`, [key])
    for (const [index, text] of texts.entries()) {
      t.deepEqual(
        await stored(together[index] ?? ''),
        await stored(alone[index] ?? ''),
        JSON.stringify(text).slice(0, 60),
      )
    }
    const loaded = await Promise.all(together.map((key) => store.load(key)))
    t.deepEqual(
      loaded.map((found) => found?.data),
      // Half a pair is no text in UTF-8.
      texts.map((text) => Buffer.from(text).toString()),
    )
  })
}

test('every valid key finds its record in a batch', async (t) => {
  const { store } = await open(t)
  const characters = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index))
  const keys = [
    ...characters,
    characters.join('').slice(0, 64),
    characters.join('').slice(-64),
    '\\u0041',
    '123',
    '0123',
  ]
  const versions = await createAll(store, keys)
  const saves = keys.map((key, index) => store.save(key, versions[index] ?? '', record({ data: `second ${key}` })))
  t.true(only(await Promise.all(saves)).every((outcome) => outcome === 'saved'))
  const loaded = await Promise.all(keys.map((key) => store.load(key)))
  t.deepEqual(
    loaded.map((found) => found?.data),
    keys.map((key) => `second ${key}`),
  )
})

test('a row that the table refuses fails only its own save', async (t) => {
  const { knex, store } = await open(t, { extraColumns: ['account_id'] })
  await knex.schema.alterTable('sessions', (table) => void table.string('account_id', 64).unique())
  const keys = ['taken', 'bad', 'good', 'better']
  const [taken = '', ...others] = await createAll(store, keys)
  await store.save('taken', taken, record({ extra: { account_id: 'acme' } }))
  const accounts = ['acme', 'globex', 'initech']
  const saves = others.map((version, index) =>
    store.save(keys[index + 1] ?? '', version, record({ extra: { account_id: accounts[index] ?? null } })),
  )
  const results = await Promise.allSettled(saves)
  t.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  )
  const stored = await knex('sessions').whereNotNull('account_id').orderBy('account_id')
  t.deepEqual(
    stored.map((row) => `${row.session_key} ${row.account_id}`),
    ['taken acme', 'good globex', 'better initech'],
  )
})

test('saves that wait for a lock are all unavailable, and all can be repeated', async (t) => {
  const { url, knex, store } = await open(t)
  const other = openDatabase(url)
  t.teardown(() => other.destroy())
  const keys = named(20)
  const versions = await createAll(store, keys)
  const saveAll = () =>
    Promise.allSettled(keys.map((key, index) => store.save(key, versions[index] ?? '', record({ data: 'second' }))))
  await knex.raw('PRAGMA busy_timeout = 1')
  await other.raw('BEGIN IMMEDIATE')
  for (const result of await saveAll()) {
    t.true(result.status === 'rejected' && result.reason instanceof StoreUnavailableError)
  }
  t.is((await store.load('key0'))?.data, 'first key0')
  await other.raw('ROLLBACK')
  for (const result of await saveAll()) t.true(result.status === 'fulfilled' && result.value.outcome === 'saved')
})

test('closing the store makes it unavailable to all waiting operations', async (t) => {
  const { knex, store } = await open(t)
  await createAll(store, ['a'])
  await knex.destroy()
  const results = await Promise.allSettled(named(20).map((key) => store.load(key)))
  t.true(results.every((result) => result.status === 'rejected' && result.reason instanceof StoreUnavailableError))
})
