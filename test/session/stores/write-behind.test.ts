import test from 'ava'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { type WriteBehindOptions, WriteBehindStore } from '../../../src/session/stores/cached/write-behind.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import type { SaveOutcome, Version } from '../../../src/session/stores/store.ts'
import { copyName, steer, versionsIn } from '../../support/caches.ts'
import { EVERYTHING, HOUR, record, START } from './bench.ts'
import { storeContract } from './contract.ts'

// With a delay of 0 the contract runs while writes go on behind it; with none within the test, on the cache alone.
for (const delay of [0, 60_000]) {
  storeContract(`cached_db, write_behind after ${delay} ms`, EVERYTHING, async (now) => {
    const database = new MemoryStore({ now })
    const cache = new MemoryCache({ now })
    const on = () => new WriteBehindStore({ database, cache, delay, now })
    return {
      store: on(),
      another: async () => on(),
      async breakIt() {
        await database.close()
        await cache.close()
      },
      close: () => cache.close(),
    }
  })
}

const NEVER = 60_000

function bench(options: Partial<WriteBehindOptions> = {}) {
  const clock = { now: START }
  const now = () => clock.now
  const memory = new MemoryCache({ now })
  const records = new MemoryStore({ now })
  const [cache, database] = [steer(memory), steer(records)]
  const waiting: number[] = []
  const store = new WriteBehindStore({
    database: database.steered,
    cache: cache.steered,
    delay: NEVER,
    now,
    observe: (event) => void (event.type === 'write-behind' && waiting.push(event.waiting)),
    ...options,
  })
  const other = new WriteBehindStore({ database: records, cache: memory, delay: NEVER, now })
  return { clock, memory, records, cache, database, store, other, waiting }
}

const versionOf = (saved: SaveOutcome): Version => (saved.outcome === 'saved' ? saved.version : '')

test('a save goes to the cache only, and to the database after the delay', async (t) => {
  const { store, database, records, waiting } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  database.calls.length = 0
  const saved = await store.save('a', version, record({ data: 'second' }))
  await store.save('a', versionOf(saved), record({ data: 'third', lastActivity: START + 1 }))
  t.deepEqual(database.calls, [])
  t.is((await store.load('a'))?.data, 'third')
  t.is((await records.load('a'))?.data, 'first')
  t.is(await store.flush(), 0)
  t.like(await records.load('a'), { data: 'third', lastActivity: START + 1 })
  t.deepEqual(database.calls, ['load', 'save'], 'two changes, one write')
  t.is(waiting.at(-1), 0)
})

test('waiting changes are written without another call', async (t) => {
  const records = new MemoryStore()
  const expires = Date.now() + HOUR
  const waiting = await new Promise((resolve) => {
    const observe: WriteBehindOptions['observe'] = (event) => {
      if (event.type === 'write-behind') resolve(event.waiting)
    }
    const store = new WriteBehindStore({ database: records, cache: new MemoryCache(), delay: 1, observe })
    void store
      .create('a', record({ expires }))
      .then((version) => store.save('a', version, record({ expires, data: 'second' })))
  })
  t.is(waiting, 0)
  t.is((await records.load('a'))?.data, 'second')
})

test('closing writes waiting changes, and throws if it cannot', async (t) => {
  const { store, records, database } = bench()
  const version = await store.create('a', record({}))
  await store.save('a', version, record({ data: 'second' }))
  database.out = true
  await t.throwsAsync(store.close(), { message: 'The changes of 1 sessions could not be written to the database' })
  database.out = false
  await store.close()
  t.is((await records.load('a'))?.data, 'second')
})

test('the database takes the newest state, whichever process writes it', async (t) => {
  const { store, other, records } = bench()
  const version = await store.create('a', record({ data: '0' }))
  const first = await store.save('a', version, record({ data: '1' }))
  const second = await other.save('a', versionOf(first), record({ data: '2' }))
  t.is(second.outcome, 'saved')
  await store.flush()
  t.is((await records.load('a'))?.data, '2')
  await other.flush()
  t.is((await records.load('a'))?.data, '2')
})

test('a slow write cannot overwrite a newer state', async (t) => {
  const { store, other, records, database } = bench()
  const version = await store.create('a', record({ data: '0' }))
  const first = await store.save('a', version, record({ data: '1' }))
  const writing = database.stopAt('save')
  const flushing = store.flush()
  const goOn = await writing
  await other.save('a', versionOf(first), record({ data: '2' }))
  await other.flush()
  goOn()
  await flushing
  t.is((await records.load('a'))?.data, '2')
})

test('an ended session is not written back, and its copy is removed', async (t) => {
  const { store, other, memory, records } = bench()
  const version = await store.create('a', record({}))
  await store.save('a', version, record({ data: 'second' }))
  await other.delete('a')
  t.is(await store.load('a'), undefined)
  await store.flush()
  t.is(await records.load('a'), undefined)
  t.deepEqual(await versionsIn(records, memory, 'a'), [undefined])
})

test('a save that overlaps a logout does not bring the session back', async (t) => {
  const { store, other, memory, database, records } = bench()
  const version = await store.create('a', record({}))
  const deleting = database.stopAt('delete')
  const ending = store.delete('a')
  const goOn = await deleting
  const saved = await other.save('a', version, record({ data: 'late' }))
  t.is(saved.outcome, 'conflict')
  goOn()
  t.is(await ending, 'done')
  await other.flush()
  t.is(await other.load('a'), undefined)
  t.is((await other.save('a', version, record({ data: 'later' }))).outcome, 'missing')
  t.is(await records.load('a'), undefined)
  t.deepEqual(await versionsIn(records, memory, 'a'), [undefined])
})

test('a conditional delete prevents saves while it is under way', async (t) => {
  const { store, other, database } = bench()
  const version = await store.create('a', record({}))
  const saved = await store.save('a', version, record({ data: 'second' }))
  const deleting = database.stopAt('delete')
  const ending = store.delete('a', versionOf(saved))
  const goOn = await deleting
  t.is((await other.save('a', versionOf(saved), record({ data: 'late' }))).outcome, 'conflict')
  goOn()
  t.is(await ending, 'done')
  t.is((await other.save('a', versionOf(saved), record({ data: 'late' }))).outcome, 'missing')
  t.is(await other.load('a'), undefined)
})

test('a copy that the cache has lost is read from a database that was brought up to date first', async (t) => {
  const { store, memory, records } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  const saved = await store.save('a', version, record({ data: 'second' }))
  await memory.delete(await copyName(records, 'a'))
  t.is((await store.save('a', versionOf(saved), record({ data: 'blind' }))).outcome, 'conflict', 'read it again')
  const read = await store.load('a')
  t.is(read?.data, 'second')
  t.is((await store.save('a', read?.version ?? '', record({ data: 'third' }))).outcome, 'saved')
  t.is((await store.load('a'))?.data, 'third')
})

test('a slow reader cannot fill the copy during a save', async (t) => {
  const { store, other, memory, database, records } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  await memory.delete(await copyName(records, 'a'))
  const reading = database.stopAt('load')
  const read = store.load('a')
  const goOn = await reading
  t.is((await other.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  goOn()
  await read
  t.is((await store.load('a'))?.data, 'second')
  t.is((await other.load('a'))?.data, 'second')
})

test('while the cache is down all calls go to the database, and no waiting change is lost', async (t) => {
  const { store, cache, records } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  const saved = await store.save('a', version, record({ data: 'second' }))
  cache.out = true
  const read = await store.load('a')
  t.is(read?.data, 'second')
  t.is((await store.save('a', versionOf(saved), record({ data: 'blind' }))).outcome, 'conflict')
  const third = await store.save('a', read?.version ?? '', record({ data: 'third', lastActivity: START + 5 }))
  t.is(third.outcome, 'saved')
  t.is((await records.load('a'))?.data, 'third')
  cache.out = false
  t.is((await store.load('a'))?.data, 'third', 'not the copy that the outage left behind')
  await store.close()
  t.is((await records.load('a'))?.data, 'third')
})

test('a logout while the cache is down is valid in this process', async (t) => {
  const { store, cache } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  await store.save('a', version, record({ data: 'second' }))
  cache.out = true
  t.is(await store.delete('a'), 'done')
  cache.out = false
  t.is(await store.load('a'), undefined)
})

test('while the database is down saves continue up to the limit, and then are refused before anything is written', async (t) => {
  const { store, database, records } = bench({ maxWaiting: 2 })
  const versions = await Promise.all(['a', 'b', 'c'].map((key) => store.create(key, record({ data: 'first' }))))
  database.out = true
  t.is((await store.save('a', versions[0] ?? '', record({ data: 'second' }))).outcome, 'saved')
  t.is((await store.save('b', versions[1] ?? '', record({ data: 'second' }))).outcome, 'saved')
  await t.throwsAsync(store.save('c', versions[2] ?? '', record({ data: 'second' })), {
    instanceOf: StoreUnavailableError,
  })
  t.is((await store.load('c'))?.data, 'first')
  database.out = false
  t.is((await store.save('c', versions[2] ?? '', record({ data: 'second' }))).outcome, 'saved')
  t.is((await records.load('a'))?.data, 'second')
})

test('a touch is written to the database immediately, so that a clear does not delete a live session', async (t) => {
  const { store, records } = bench()
  const version = await store.create('a', record({}))
  const saved = await store.save('a', version, record({ data: 'second' }))
  const times = { expires: START + 3 * HOUR, lastActivity: START + 20 }
  t.is(await store.touch('a', versionOf(saved), times), 'done')
  t.like(await records.load('a'), { data: 'second', ...times })
  t.is((await store.save('a', versionOf(saved), record({}))).outcome, 'saved', 'the version stays')
})

test('8 writers in two processes while the cache loses copies: the database has the last save', async (t) => {
  const { store, other, memory, records } = bench({ delay: 0 })
  await store.create('a', record({ data: '0' }))
  const increment = async (mine: WriteBehindStore) => {
    for (;;) {
      const read = await mine.load('a')
      if (read === undefined) throw new Error('the session is gone')
      const saved = await mine.save('a', read.version, record({ data: String(Number(read.data) + 1) }))
      if (saved.outcome === 'saved') return
    }
  }
  const writers = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? store : other))
  await Promise.all(
    writers.map(async (writer) => {
      for (let n = 0; n < 50; n++) await increment(writer)
    }),
  )
  await Promise.all([store.flush(), other.flush()])
  t.is((await records.load('a'))?.data, '400')
  await memory.delete(await copyName(records, 'a'))
  t.is((await other.load('a'))?.data, '400')
})
