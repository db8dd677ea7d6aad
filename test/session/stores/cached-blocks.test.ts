import test, { type ExecutionContext } from 'ava'
import type { Cache, CacheEntry } from '../../../src/session/caches/cache.ts'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { copyName, steer, versionsIn } from '../../support/caches.ts'
import { record, START } from './bench.ts'
import { withMembers } from './cached-bench.ts'

const AHEAD_MS = 30_000

function bench() {
  const clock = { now: START }
  const now = () => clock.now
  const memory = new MemoryCache({ now })
  const records = new MemoryStore({ now })
  const database = steer(records)
  const cache = steer(memory)
  return {
    clock,
    memory,
    records,
    database,
    cache,
    /** Processes: the same storage, nothing else in common. */
    ending: new CachedStore({ database: database.steered, cache: cache.steered, now }),
    saving: new CachedStore({ database: records, cache: memory, now }),
    reading: new CachedStore({ database: records, cache: memory, now }),
    cached: async () => (await versionsIn(records, memory, 'a'))[0],
  }
}

type Bench = ReturnType<typeof bench>

/** One process has blocked the copies and is about to delete the row; returns what lets it go on. */
async function beginEnding({ database, ending }: Bench): Promise<() => void> {
  const deleting = database.stopAt('delete')
  ending.delete('a').catch(() => {})
  return await deleting
}

/** A page is read, the row is deleted, and the process that deleted it is killed before it tidies up: no copy is left. */
async function leavesNoCopy({ cache, records, reading }: Bench, goOn: () => void, t: ExecutionContext): Promise<void> {
  t.truthy(await reading.load('a'), 'not yet ended')
  const tidying = cache.stopAt('delete')
  goOn()
  await tidying
  t.is(await records.load('a'), undefined)
  t.is(await reading.load('a'), undefined)
}

test('a save during an ending leaves its block, so a process that dies then leaves no copy of an ended session', async (t) => {
  const storage = bench()
  const { saving, cached } = storage
  const version = await saving.create('a', record({}))
  const goOn = await beginEnding(storage)
  t.is((await saving.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  t.regex((await cached()) ?? '', /^block-/)
  await leavesNoCopy(storage, goOn, t)
})

test('a touch leaves the block of an ending', async (t) => {
  const storage = bench()
  const { saving } = storage
  const version = await saving.create('a', record({}))
  const goOn = await beginEnding(storage)
  const times = { expires: record({}).expires + 1, lastActivity: START }
  t.is(await saving.touch('a', version, times), 'done')
  await leavesNoCopy(storage, goOn, t)
})

test('a save in a process whose clock is ahead leaves a block that has expired only there', async (t) => {
  const storage = bench()
  const { clock, memory, records, saving } = storage
  const version = await saving.create('a', record({}))
  const goOn = await beginEnding(storage)
  clock.now += AHEAD_MS
  const ahead = new CachedStore({ database: records, cache: memory, now: () => clock.now })
  t.is((await ahead.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  clock.now -= AHEAD_MS
  await leavesNoCopy(storage, goOn, t)
})

test('a save whose copy was evicted leaves a block that is made after it was missed', async (t) => {
  const storage = bench()
  const { memory, records, reading, cache, database } = storage
  const saving = new CachedStore({ database: records, cache: cache.steered, now: () => START })
  const ending = new CachedStore({ database: database.steered, cache: memory, now: () => START })
  const version = await saving.create('a', record({}))
  await memory.delete(await copyName(records, 'a'))
  const missed = cache.stopAt('get')
  const saved = saving.save('a', version, record({ data: 'second' }))
  const goOnSaving = await missed
  const deleting = database.stopAt('delete')
  ending.delete('a').catch(() => {})
  await deleting
  goOnSaving()
  await saved
  await reading.load('a')
  await records.delete('a')
  t.is(await reading.load('a'), undefined)
})

test('a save leaves the block of an ending without an answer, which may take effect late', async (t) => {
  const { records, memory, saving, reading, cached } = bench()
  const version = await saving.create('a', record({}))
  const lost = steer(records)
  const ending = new CachedStore({ database: lost.steered, cache: memory, now: () => START })
  lost.out = true
  await t.throwsAsync(ending.delete('a'), { instanceOf: StoreUnavailableError })
  t.is((await saving.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  t.regex((await cached()) ?? '', /^block-/)
  await reading.load('a')
  await records.delete('a')
  t.is(await reading.load('a'), undefined)
})

test('a block that this process has read and that is gone by now does not save an older copy', async (t) => {
  const { memory, records } = bench()
  // As with local copies.
  const shared = withMembers<Cache>(memory, { staleFor: 1 })
  const on = (cache: Cache) => new CachedStore({ database: records, cache, strategy: 'cache_aside', now: () => START })
  const version = await on(shared).create('a', record({ data: 'first' }))
  const slow = steer(shared)
  const filling = slow.stopAt('swap')
  const loading = on(slow.steered).load('a')
  const goOn = await filling
  let seen: CacheEntry | undefined = { version: 'block-gone', expires: START + 10_000, body: Buffer.alloc(0) }
  const outdated = withMembers(shared, {
    get: async (key) => seen ?? (await shared.get(key)),
    delete: async (...call) => {
      seen = undefined
      return await shared.delete(...call)
    },
  })
  t.is((await on(outdated).save('a', version, record({ data: 'second' }))).outcome, 'saved')
  goOn()
  await loading
  t.is((await on(shared).load('a'))?.data, 'second')
})

test('a session without a copy gets one again soon after a save', async (t) => {
  const { clock, memory, records, saving, reading, cached } = bench()
  const version = await saving.create('a', record({}))
  await memory.delete(await copyName(records, 'a'))
  t.is((await saving.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  clock.now += 10_000
  await reading.load('a')
  t.is(await cached(), '2')
})
