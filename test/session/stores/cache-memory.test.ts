import test from 'ava'
import { zlibCompression } from '../../../src/session/caches/compression.ts'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { CacheStore, type CacheStoreOptions } from '../../../src/session/stores/cache.ts'
import type { SessionRecord } from '../../../src/session/stores/store.ts'
import { EVERYTHING, record, START } from './bench.ts'
import { storeContract } from './contract.ts'

storeContract('cache in memory', { ...EVERYTHING, clears: false, counts: false }, async (now) => {
  const cache = new MemoryCache({ now })
  const store = new CacheStore({ cache })
  return {
    store,
    another: async () => new CacheStore({ cache }),
    breakIt: () => cache.close(),
    close: () => cache.close(),
  }
})

test('strangers do not evict the sessions of users from memory', async (t) => {
  const store = new CacheStore({ cache: new MemoryCache({ maxBytes: 64 * 1024, now: () => START }) })
  await store.create('user', record({ data: 'x'.repeat(1000) }))
  for (let n = 0; n < 200; n++) await store.create(`stranger${n}`, record({ data: 'x'.repeat(1000), userId: null }))
  t.not(await store.load('user'), undefined)
  t.is(await store.load('stranger0'), undefined)
})

test('a record that was stored or loaded does not change in memory with the object', async (t) => {
  const store = new CacheStore({ cache: new MemoryCache({ now: () => START }) })
  const given = record({ data: 'first' })
  const version = await store.create('a', given)
  given.data = 'changed after the call'
  const loaded = await store.load('a')
  t.is(loaded?.data, 'first')
  if (loaded !== undefined) loaded.data = 'changed after the load'
  t.is((await store.load('a'))?.data, 'first')
  t.is((await store.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  t.is((await store.load('a'))?.data, 'second')
})

test('a limited cache in memory counts the text of a session, compressed if that is asked for', async (t) => {
  const stored = async (options: Partial<CacheStoreOptions> = {}, more: Partial<SessionRecord> = {}) => {
    const store = new CacheStore({ cache: new MemoryCache({ maxBytes: 100_000, now: () => START }), ...options })
    for (let n = 0; n < 100; n++) await store.create(`k${n}`, record({ data: 'x'.repeat(5000), ...more }))
    const found = await Promise.all(Array.from({ length: 100 }, (_, n) => store.load(`k${n}`)))
    return found.filter((one) => one?.data.length === 5000).length
  }
  t.is(await stored(), 17)
  t.is(await stored({ compression: zlibCompression }), 100)
  t.true((await stored({}, { extra: { note: 'y'.repeat(5000) } })) < 10, 'with its columns')
})
