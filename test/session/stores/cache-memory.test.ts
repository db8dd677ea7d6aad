import test from 'ava'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
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
