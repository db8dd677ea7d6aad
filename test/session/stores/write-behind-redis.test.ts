import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { RedisCache } from '../../../src/session/caches/redis/redis.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import type { SessionEvent } from '../../../src/session/core/events.ts'
import { CachedStore, type CachedStoreOptions } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import type { SaveOutcome, StoredRecord, Version } from '../../../src/session/stores/store.ts'
import { steer } from '../../support/caches.ts'
import { redisCommand } from '../../support/redis-command.ts'
import { serviceUrl } from '../../support/services.ts'
import { HOUR, record, START } from './bench.ts'

const url = serviceUrl('redis')
const NEVER = 60_000
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000 }

/** Two processes with one Redis and one database; the test steers what the first one reaches. */
async function bench(t: ExecutionContext, options: Partial<CachedStoreOptions> = {}, address = url ?? '') {
  const clock = { now: START }
  const now = () => clock.now
  const prefix = `behind-${randomBytes(6).toString('hex')}`
  const redis = new RedisCache({ url: address, now, ...LONG_TIMEOUTS })
  await redis.connect()
  const records = new MemoryStore({ now })
  const [cache, database] = [steer(redis), steer(records)]
  const events: SessionEvent[] = []
  const observe = (event: SessionEvent) => void events.push(event)
  const common = { prefix, now, strategy: 'write_behind', delay: NEVER, ...options } as const
  const store = new CachedStore({ ...common, database: database.steered, cache: cache.steered, observe })
  const open = () => new CachedStore({ ...common, database: records, cache: redis })
  t.teardown(() => redis.close())
  const name = async (key: string) => `${prefix}:1:copy:${(await records.epochs.readEpoch()).epoch}:${key}`
  const suspend = async () => {
    const { epoch } = await records.epochs.readEpoch()
    await records.epochs.changeEpoch(epoch, { epoch: randomBytes(6).toString('hex'), server: '' })
  }
  return { clock, records, redis, cache, database, store, other: open(), open, events, name, suspend }
}

/** A Redis user, whom the test can forbid all changes: as for a full disk, or a server that became a replica. */
async function redisUser(t: ExecutionContext, address: string) {
  const { port, host } = new URL(address)
  const name = `behind-${randomBytes(6).toString('hex')}`
  const command = (...args: string[]) => redisCommand(Number(port), undefined, ['ACL', ...args])
  await command('SETUSER', name, 'on', '>secret', '~*', '&*', '+@all')
  t.teardown(() => command('DELUSER', name))
  return {
    address: `redis://${name}:secret@${host}`,
    forbidChanges: async () => void (await command('SETUSER', name, '-@write')),
  }
}

const versionOf = (saved: SaveOutcome): Version => (saved.outcome === 'saved' ? saved.version : '')

/** What the store answers as soon as it does not refuse. */
async function whenServed(store: CachedStore, key: string): Promise<StoredRecord | undefined> {
  return await store.load(key).catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error
    return whenServed(store, key)
  })
}

/** Waits until the store has seen that no cache is in force. */
async function untilRefused(store: CachedStore, key: string): Promise<void> {
  await store.load(key).then(
    () => untilRefused(store, key),
    () => {},
  )
}

if (url !== undefined) {
  test('a save goes to the cache only, and to the database after the delay', async (t) => {
    const { store, database, records, events } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    database.calls.length = 0
    const saved = await store.save('a', version, record({ data: 'second' }))
    await store.save('a', versionOf(saved), record({ data: 'third', lastActivity: START + 1 }))
    t.deepEqual(database.calls, [])
    t.is((await store.load('a'))?.data, 'third')
    t.is((await records.load('a'))?.data, 'first')
    t.is(await store.flush(), 0)
    t.like(await records.load('a'), { data: 'third', lastActivity: START + 1 })
    t.deepEqual(database.calls, ['saveOver'], 'two changes, one write')
    t.like(events.at(-1), { type: 'write-behind', waiting: 0 })
  })

  test('waiting changes are written without another call', async (t) => {
    const { store, records, events } = await bench(t, { delay: 1 })
    const version = await store.create('a', record({}))
    await store.save('a', version, record({ data: 'second' }))
    while (!events.some((event) => event.type === 'write-behind')) await new Promise(setImmediate)
    t.is((await records.load('a'))?.data, 'second')
  })

  test('a change of a process that died is written by another one', async (t) => {
    const { store, other, database, records } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    await store.save('a', version, record({ data: 'second' }))
    database.out = true
    await other.listByUser('7')
    t.is((await records.load('a'))?.data, 'second')
  })

  test('closing writes waiting changes, and throws if it cannot', async (t) => {
    const { store, records, database } = await bench(t)
    const version = await store.create('a', record({}))
    await store.save('a', version, record({ data: 'second' }))
    database.out = true
    await t.throwsAsync(store.close(), { message: /^The changes of 1 sessions could not be written to the database/ })
    t.is((await records.load('a'))?.data, 'data')
  })

  test('closing during saves: each acknowledged save is in the database', async (t) => {
    const { store, records, database } = await bench(t)
    const keys = Array.from({ length: 40 }, (_, n) => `k${n}`)
    const versions = await Promise.all(keys.map((key) => store.create(key, record({}))))
    await store.save('k0', versions[0] ?? '', record({ data: 'second' }))
    const writing = database.stopAt('saveOver')
    const closing = store.close()
    const goOn = await writing
    const saves = keys.slice(1).map((key, n) => store.save(key, versions[n + 1] ?? '', record({ data: 'second' })))
    const outcomes = Promise.allSettled(saves)
    await store.load('k1')
    goOn()
    await closing
    for (const [n, save] of (await outcomes).entries()) {
      const isSaved = save.status === 'fulfilled' && save.value.outcome === 'saved'
      if (isSaved) t.is((await records.load(`k${n + 1}`))?.data, 'second', `k${n + 1}`)
    }
    t.is((await records.load('k0'))?.data, 'second')
  })

  test('the database takes the newest state, whichever process writes it', async (t) => {
    for (const first of ['store', 'other'] as const) {
      const { store, other, records } = await bench(t)
      const version = await store.create('a', record({ data: '0' }))
      const saved = await store.save('a', version, record({ data: '1' }))
      t.is((await other.save('a', versionOf(saved), record({ data: '2' }))).outcome, 'saved')
      for (const one of first === 'store' ? [store, other] : [other, store]) await one.flush()
      t.is((await records.load('a'))?.data, '2', `${first} first`)
    }
  })

  test('a slow write cannot overwrite a newer state', async (t) => {
    const { store, other, records, database } = await bench(t)
    const version = await store.create('a', record({ data: '0' }))
    const first = await store.save('a', version, record({ data: '1' }))
    const writing = database.stopAt('saveOver')
    const flushing = store.flush()
    const goOn = await writing
    await other.save('a', versionOf(first), record({ data: '2' }))
    await other.flush()
    goOn()
    t.is(await flushing, 0)
    t.is((await records.load('a'))?.data, '2')
  })

  test('a change is not written over one that was saved directly, and its loss is reported', async (t) => {
    const { store, records, events, suspend } = await bench(t)
    const version = await store.create('a', record({ data: '0' }))
    await store.save('a', version, record({ data: '1' }))
    await suspend()
    await records.save('a', version, record({ data: '2' }))
    await store.flush()
    t.is((await records.load('a'))?.data, '2')
    t.is(events.filter(({ type }) => type === 'write-behind-lost').length, 1)
  })

  test('while no cache is in force, sessions wait until all processes have written what they accepted', async (t) => {
    const { store, other, records, suspend } = await bench(t)
    const version = await store.create('a', record({ data: '0' }))
    const saved = await store.save('a', version, record({ data: '1' }))
    await suspend()
    // By a process that knows it already.
    await t.throwsAsync(other.load('a'), { instanceOf: StoreUnavailableError })
    await t.throwsAsync(other.save('a', versionOf(saved), record({})), { instanceOf: StoreUnavailableError })
    t.is(await store.flush(), 0)
    t.is((await records.load('a'))?.data, '1')
    t.is((await whenServed(other, 'a'))?.data, '1')
  })

  test('a process that has not yet seen that a cache is in force again shows no older state', async (t) => {
    const { store, open, cache, records, suspend } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    const { server } = await records.epochs.readEpoch()
    // It cannot put the cache in force itself.
    cache.out = true
    await suspend()
    t.is((await whenServed(store, 'a'))?.data, 'first')
    // Reads that no cache is in force, which it knows for 250 ms.
    await store.delete('b')
    await records.epochs.changeEpoch((await records.epochs.readEpoch()).epoch, { epoch: 'later', server })
    t.is((await open().save('a', version, record({ data: 'second' }))).outcome, 'saved')
    t.is((await records.load('a'))?.data, 'first')
    await t.throwsAsync(store.load('a'), { instanceOf: StoreUnavailableError })
    cache.out = false
    t.is((await store.load('a'))?.data, 'second')
  })

  test('a change whose answer was lost, and that was read, stays when no cache is in force', async (t) => {
    const { store, other, cache, suspend } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    cache.deaf = true
    await t.throwsAsync(store.save('a', version, record({ data: 'second' })), { instanceOf: StoreUnavailableError })
    cache.deaf = false
    t.is((await other.load('a'))?.data, 'second')
    await suspend()
    await untilRefused(store, 'a')
    // Before a cache comes into force, which would write it as well.
    void cache.stopAt('add')
    t.is((await whenServed(store, 'a'))?.data, 'second')
  })

  test('a cache that takes no more changes: what it has is written once, and the database serves', async (t) => {
    const { address, forbidChanges } = await redisUser(t, url)
    const { store, other, redis, database, name, suspend } = await bench(t, {}, address)
    const keys = Array.from({ length: 150 }, (_, n) => `k${n}`)
    for (const key of keys) {
      const version = await store.create(key, record({ data: 'first' }))
      await other.save(key, version, record({ data: 'second' }))
    }
    // It stays on the index, from which it cannot be taken either.
    await redis.delete(await name('k0'))
    await forbidChanges()
    await suspend()
    await untilRefused(store, 'k1')
    database.calls.length = 0
    t.is((await whenServed(store, 'k0'))?.data, 'first')
    for (const key of keys.slice(1)) t.is((await store.load(key))?.data, 'second')
    t.is(database.calls.filter((call) => call === 'saveOver').length, 149)
  })

  test('a cache that takes no more changes, and has no copies either: the database takes them', async (t) => {
    const { address, forbidChanges } = await redisUser(t, url)
    const { store, redis, records, name } = await bench(t, {}, address)
    const version = await store.create('a', record({ data: 'first' }))
    await redis.delete(await name('a'))
    await forbidChanges()
    const isSaved = async (): Promise<unknown> => {
      await store.load('a').catch(() => {})
      return await store.save('a', version, record({ data: 'second' })).then(({ outcome }) => outcome, isSaved)
    }
    t.is(await isSaved(), 'saved')
    t.is((await records.load('a'))?.data, 'second')
  })

  test('while no cache is in force, a change that the database refuses does not hold up other sessions', async (t) => {
    const { store, other, records, suspend } = await bench(t)
    const saveOver = records.saveOver.bind(records)
    records.saveOver = async (key, to, epoch, options) => {
      if (to.record.data === 'refused') throw new RangeError('value too long')
      return await saveOver(key, to, epoch, options)
    }
    for (const [key, data] of [
      ['a', 'refused'],
      ['b', 'second'],
    ] as const) {
      const version = await store.create(key, record({ data: 'first' }))
      await other.save(key, version, record({ data }))
    }
    await suspend()
    await untilRefused(store, 'b')
    t.is((await whenServed(store, 'b'))?.data, 'second')
  })

  test('a direct save is refused as soon as a cache is in force again', async (t) => {
    const { records, suspend, store } = await bench(t)
    const version = await store.create('a', record({ data: '0' }))
    await suspend()
    const { epoch } = await records.epochs.readEpoch()
    const to = { from: [Number(version)], version: 2 ** 30, record: record({ data: 'direct' }) }
    await records.epochs.changeEpoch(epoch, { epoch: 'later', server: 'some' })
    t.is(await records.saveOver('a', to, epoch, { live: true }), 'conflict')
    t.is(await records.saveOver('a', to, 'later', { live: true }), 'done')
    t.is(await records.saveOver('a', to, 'later', { live: true }), 'done', 'already saved')
  })

  test('an ended session is not written back, and its copy is removed', async (t) => {
    const { store, other, redis, records, name } = await bench(t)
    const version = await store.create('a', record({}))
    await store.save('a', version, record({ data: 'second' }))
    await other.delete('a')
    t.is(await store.load('a'), undefined)
    await store.flush()
    t.is(await records.load('a'), undefined)
    t.is(await redis.get(await name('a')), undefined)
  })

  test('a save that overlaps a logout does not bring the session back', async (t) => {
    const { store, other, redis, database, records, name } = await bench(t)
    const version = await store.create('a', record({}))
    const deleting = database.stopAt('delete')
    const ending = store.delete('a')
    const goOn = await deleting
    t.is((await other.save('a', version, record({ data: 'late' }))).outcome, 'conflict')
    goOn()
    t.is(await ending, 'done')
    await other.flush()
    t.is(await other.load('a'), undefined)
    t.is((await other.save('a', version, record({ data: 'later' }))).outcome, 'missing')
    t.is(await records.load('a'), undefined)
    t.is(await redis.get(await name('a')), undefined)
  })

  for (const kind of ['a conditional delete', 'a change of key'] as const) {
    test(`${kind} has the newest state, and keeps out saves while it is under way`, async (t) => {
      const { store, other, database, records } = await bench(t)
      const version = await store.create('a', record({}))
      const saved = versionOf(await other.save('a', version, record({ data: 'second' })))
      const end = (at: Version) =>
        kind === 'a conditional delete'
          ? store.delete('a', at)
          : store.save('a', at, record({ sessionId: '', data: 'forward' })).then(({ outcome }) => outcome)
      t.is(await end(version), 'conflict')
      t.is((await store.load('a'))?.data, 'second')
      t.is((await records.load('a'))?.data, 'second')
      const third = versionOf(await other.save('a', saved, record({ data: 'third' })))
      await other.flush()
      const ending = database.stopAt(kind === 'a conditional delete' ? 'delete' : 'saveOver')
      const ended = end(third)
      const goOn = await ending
      t.is((await other.save('a', third, record({ data: 'late' }))).outcome, 'conflict')
      goOn()
      t.is(await ended, kind === 'a conditional delete' ? 'done' : 'saved')
      t.is((await other.load('a'))?.data, kind === 'a conditional delete' ? undefined : 'forward')
    })
  }

  test('a database that is down: an end is refused, and the change that only the cache has stays', async (t) => {
    const { store, other, database, records } = await bench(t)
    const version = await store.create('a', record({}))
    await store.save('a', version, record({ data: 'second' }))
    database.out = true
    await t.throwsAsync(store.delete('a'), { instanceOf: StoreUnavailableError })
    t.is((await other.load('a'))?.data, 'second')
    await other.listByUser('7')
    t.is((await records.load('a'))?.data, 'second')
  })

  test('a copy that the cache has lost is read from a database that was brought up to date first', async (t) => {
    const { store, redis, name } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    const saved = await store.save('a', version, record({ data: 'second' }))
    await redis.delete(await name('a'))
    t.is((await store.load('a'))?.data, 'second')
    const third = await store.save('a', versionOf(saved), record({ data: 'third' }))
    await redis.delete(await name('a'))
    t.is((await store.save('a', versionOf(third), record({ data: 'fourth' }))).outcome, 'saved')
    t.is((await store.load('a'))?.data, 'fourth')
  })

  test('a state that the cache has lost is not mixed up with the one that followed', async (t) => {
    const { store, other, redis, records, name } = await bench(t)
    const version = await store.create('a', record({ data: '0' }))
    await store.save('a', version, record({ data: '1' }))
    await redis.delete(await name('a'))
    // Another process does not know of the lost change, and its own descends from the row.
    const read = await other.load('a')
    t.is((await other.save('a', read?.version ?? '', record({ data: '2' }))).outcome, 'saved')
    await store.flush()
    t.is((await records.load('a'))?.data, '1')
    await other.flush()
    t.is((await records.load('a'))?.data, '1', 'not made from it')
  })

  test('a slow reader cannot fill the copy during a save', async (t) => {
    const { store, other, redis, database, name } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    await redis.delete(await name('a'))
    const reading = database.stopAt('load')
    const read = store.load('a')
    const goOn = await reading
    t.is((await other.save('a', version, record({ data: 'second' }))).outcome, 'saved')
    goOn()
    await read
    t.is((await store.load('a'))?.data, 'second')
    t.is((await other.load('a'))?.data, 'second')
  })

  test('a cache that does not answer: no process reads or changes a session without it', async (t) => {
    const { store, other, cache, records } = await bench(t)
    const version = await store.create('a', record({ data: 'first' }))
    const saved = await store.save('a', version, record({ data: 'second' }))
    cache.out = true
    await t.throwsAsync(store.load('a'), { instanceOf: StoreUnavailableError })
    await t.throwsAsync(store.save('a', versionOf(saved), record({})), { instanceOf: StoreUnavailableError })
    t.is((await records.load('a'))?.data, 'first')
    t.is(await store.flush(), 0, 'the own change needs no cache')
    t.is((await records.load('a'))?.data, 'second')
    cache.out = false
    t.is((await store.load('a'))?.data, 'second')
    t.is((await other.load('a'))?.data, 'second')
  })

  test('while the database is down saves continue up to the limit, and then are refused before anything is written', async (t) => {
    const { store, database, records } = await bench(t, { maxWaiting: 2 })
    const versions = await Promise.all(['a', 'b', 'c'].map((key) => store.create(key, record({ data: 'first' }))))
    database.out = true
    t.is((await store.save('a', versions[0] ?? '', record({ data: 'second' }))).outcome, 'saved')
    t.is((await store.save('b', versions[1] ?? '', record({ data: 'second' }))).outcome, 'saved')
    const third = () => store.save('c', versions[2] ?? '', record({ data: 'second' }))
    await t.throwsAsync(third, { instanceOf: StoreUnavailableError })
    t.is((await store.load('c'))?.data, 'first')
    database.out = false
    t.is((await third()).outcome, 'saved')
    t.is((await records.load('a'))?.data, 'second')
  })

  test('a full queue while the database is down: 50 saves cause one attempt', async (t) => {
    const { store, database } = await bench(t, { maxWaiting: 1 })
    const first = await store.create('a', record({}))
    const others = await Promise.all(Array.from({ length: 50 }, (_, n) => store.create(`k${n}`, record({}))))
    await store.save('a', first, record({ data: 'second' }))
    database.out = true
    database.calls.length = 0
    const saves = others.map((version, n) => store.save(`k${n}`, version, record({ data: 'second' })))
    t.true((await Promise.allSettled(saves)).every(({ status }) => status === 'rejected'))
    t.deepEqual(database.calls, ['saveOver'])
  })

  test('a change that the database refuses does not hold up others', async (t) => {
    const { store, records } = await bench(t)
    const saveOver = records.saveOver.bind(records)
    records.saveOver = async (key, to, epoch, options) => {
      if (to.record.data === 'poison') throw new StoreUnavailableError()
      return await saveOver(key, to, epoch, options)
    }
    for (let n = 0; n < 40; n++) {
      const version = await store.create(`k${n}`, record({}))
      await store.save(`k${n}`, version, record({ data: n === 3 ? 'poison' : 'second' }))
    }
    t.is(await store.flush(), 1)
    for (let n = 0; n < 40; n++) t.is((await records.load(`k${n}`))?.data, n === 3 ? 'data' : 'second')
  })

  test('a touch is written to the database immediately, so that a clear does not delete a live session', async (t) => {
    const { store, other, records } = await bench(t)
    const version = await store.create('a', record({}))
    const saved = await other.save('a', version, record({ data: 'second' }))
    const times = { expires: START + 3 * HOUR, lastActivity: START + 20 }
    t.is(await store.touch('a', versionOf(saved), times), 'done')
    t.like(await records.load('a'), { data: 'second', ...times })
    t.like(await other.load('a'), { data: 'second', ...times })
    t.is((await store.save('a', versionOf(saved), record({}))).outcome, 'saved', 'the version stays')
  })

  test('a change shortly before the session expires is written at once', async (t) => {
    const { store, records, clock } = await bench(t)
    await store.create('a', record({ data: '0', expires: START + HOUR }))
    clock.now = START + HOUR - 50
    const found = await store.load('a')
    const saved = await store.save('a', found?.version ?? '', record({ data: '1', expires: START + 2 * HOUR }))
    t.is(saved.outcome, 'saved')
    clock.now = START + HOUR + 50
    t.is((await store.load('a'))?.data, '1')
    t.is((await records.load('a'))?.data, '1')
  })

  test('a copy that is ahead outlives the time for which copies are used', async (t) => {
    const { store, other, records, clock } = await bench(t, { timeout: 120 })
    const version = await store.create('a', record({ data: 'first' }))
    await store.save('a', version, record({ data: 'second' }))
    clock.now = START + 600_000
    t.is((await other.load('a'))?.data, 'second')
    await other.listByUser('7')
    t.is((await records.load('a'))?.data, 'second')
  })

  test('8 writers in two processes: no increment is lost, and the database has the last state', async (t) => {
    const { store, other, records } = await bench(t, { delay: 0 })
    await store.create('a', record({ data: '0' }))
    const increment = async (mine: CachedStore) => {
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
        for (let n = 0; n < 25; n++) await increment(writer)
      }),
    )
    await Promise.all([store.flush(), other.flush()])
    t.is((await records.load('a'))?.data, '200')
  })
}
