import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { EVERYTHING, HOUR, record, START } from './bench.ts'
import { storeContract } from './contract.ts'

storeContract('memory', EVERYTHING, async (now) => {
  const store = new MemoryStore({ now })
  return {
    store,
    another: async () => store,
    breakIt: () => store.close(),
    close: () => store.close(),
  }
})

test('a full memory store refuses new data instead of signing users out', async (t) => {
  const clock = { now: START }
  const store = new MemoryStore({ now: () => clock.now, maxBytes: 10 })
  const version = await store.create('a', record({ data: '12345' }))
  await store.create('short', record({ data: '💥', expires: START + 1 }))
  await t.throwsAsync(store.create('b', record({ data: '12' })), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.save('a', version, record({ data: '1234567' })), { instanceOf: StoreUnavailableError })
  t.is((await store.load('a'))?.data, '12345')
  t.not(await store.load('short'), undefined)
  clock.now = START + 1
  const saved = await store.save('a', version, record({ data: '1234567' }))
  t.is(saved.outcome, 'saved', 'the expired make room')
  await store.delete('a')
  await t.notThrowsAsync(store.create('c', record({ data: '1234567890', expires: START + HOUR })))
})

test('a full memory store evicts anonymous sessions, longest unused first, and never those of users', async (t) => {
  const store = new MemoryStore({ now: () => START, maxBytes: 10 })
  await store.create('user', record({ data: '1234' }))
  const stranger = (data: string, lastActivity: number) => record({ data, lastActivity, userId: null })
  await store.create('old', stranger('123', START - 2))
  await store.create('new', stranger('123', START - 1))
  await store.create('newer', stranger('12', START))
  t.is(await store.load('old'), undefined)
  t.not(await store.load('new'), undefined)
  await t.throwsAsync(store.create('large', stranger('1234567', START)), { instanceOf: StoreUnavailableError })
  t.not(await store.load('new'), undefined, 'nobody is evicted in vain')
  await store.create('another', record({ data: '123456' }))
  t.deepEqual(
    await Promise.all(['user', 'new', 'newer', 'another'].map(async (key) => (await store.load(key)) !== undefined)),
    [true, false, false, true],
  )
})
