import test from 'ava'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { HOUR, START } from '../stores/bench.ts'
import { entry, text } from './bench.ts'
import { cacheContract } from './contract.ts'

cacheContract('memory', { users: true, damageable: false }, async (now) => {
  const cache = new MemoryCache({ now })
  return { cache, another: async () => cache, breakIt: () => cache.close(), close: () => cache.close() }
})

const KB = 1024

function small(maxBytes: number) {
  const cache = new MemoryCache({ maxBytes, now: () => START })
  const keys = ['a', 'b', 'c', 'd', 'e']
  const present = async () => {
    const found = await Promise.all(keys.map(async (key) => ((await cache.get(key)) === undefined ? [] : [key])))
    return found.flat().join('')
  }
  return { cache, present }
}

test('a full memory cache evicts the least recently used entry', async (t) => {
  const { cache, present } = small(5 * KB)
  for (const key of ['a', 'b', 'c']) await cache.add(key, entry({ body: Buffer.alloc(KB) }))
  await cache.get('a')
  await cache.add('d', entry({ body: Buffer.alloc(KB) }))
  t.is(await present(), 'acd', 'b was older in use than a')
  await cache.swap('a', 'v1', entry({ version: 'v2', body: Buffer.alloc(2 * KB) }))
  t.is(await present(), 'ad', 'a larger state makes room, too')
})

test('a full memory cache evicts anonymous sessions first, down to a tenth of its size', async (t) => {
  const cache = new MemoryCache({ maxBytes: 100 * KB, now: () => START })
  const keys = { signedIn: [] as string[], anonymous: [] as string[] }
  const add = async (kind: 'signedIn' | 'anonymous', count: number) => {
    for (let n = 0; n < count; n++) {
      const key = `${kind}${keys[kind].length}`
      keys[kind].push(key)
      await cache.add(key, entry({ body: Buffer.alloc(KB), anonymous: kind === 'anonymous' }))
    }
  }
  const present = async (kind: 'signedIn' | 'anonymous') => {
    const found = await Promise.all(keys[kind].map((key) => cache.get(key)))
    return keys[kind].filter((_, n) => found[n] !== undefined)
  }
  await add('signedIn', 40)
  await add('anonymous', 1000)
  t.is((await present('signedIn')).length, 40, 'strangers do not evict the signed-in')
  const strangers = await present('anonymous')
  t.is(strangers.at(-1), 'anonymous999')
  t.true(strangers.length > 20, `${strangers.length}`)
  t.is(await cache.swap('anonymous999', 'v1', entry({ version: 'v2', body: Buffer.alloc(KB) })), 'done', 'a sign-in')
  await add('signedIn', 100)
  const [kept, left] = [await present('signedIn'), await present('anonymous')]
  t.true(left.length >= 6 && left.length <= 9, `${left.length} strangers are left`)
  t.false(left.includes('anonymous999'), 'it went with the signed-in that were longest without use')
  t.is(kept.at(-1), 'signedIn139')
  await add('anonymous', 1)
  t.is((await present('anonymous')).at(-1), 'anonymous1000', 'a new one is not evicted at once')
})

test('the byte limit includes keys, bodies and an overhead per entry', async (t) => {
  const { cache } = small(10 * KB)
  for (let n = 0; n < 1000; n++) await cache.add(`empty${n}`, entry({ body: Buffer.alloc(0) }))
  const kept = await Promise.all(Array.from({ length: 1000 }, (_, n) => cache.get(`empty${n}`)))
  const count = kept.filter((found) => found !== undefined).length
  t.true(count > 10 && count < 30, `${count} entries in 10 KiB`)
})

test('an entry larger than the whole cache is refused, and the old one stays', async (t) => {
  const { cache } = small(4 * KB)
  await cache.add('a', entry())
  const large = entry({ version: 'v2', body: Buffer.alloc(8 * KB) })
  await t.throwsAsync(cache.swap('a', 'v1', large), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(cache.add('b', large), { instanceOf: StoreUnavailableError })
  t.is(text(await cache.get('a')), 'body')
})

test('an evicted, expired or replaced session leaves nothing in the index of its user', async (t) => {
  const clock = { now: START }
  const cache = new MemoryCache({ maxBytes: 4 * KB, now: () => clock.now })
  const signedIn = async (key: string, expires = START + HOUR) => {
    await cache.users.add('7', key, expires)
    await cache.add(`s:${key}`, entry({ body: Buffer.alloc(KB), expires, member: { userId: '7', key } }))
  }
  await signedIn('a')
  await signedIn('b', START + 2 * HOUR)
  t.deepEqual(await cache.users.keys('7'), ['a', 'b'])
  await signedIn('c')
  t.is(await cache.get('s:a'), undefined, 'evicted')
  t.deepEqual(await cache.users.keys('7'), ['b', 'c'])
  await cache.swap('s:b', 'v1', entry({ version: 'v2', expires: START + 2 * HOUR, member: { userId: '7', key: 'b' } }))
  t.deepEqual(await cache.users.keys('7'), ['b', 'c'], 'a changed one stays')
  clock.now = START + HOUR
  t.deepEqual(await cache.users.keys('7'), ['b'], 'a session that has expired')
  const member = { userId: '8', key: 'b' }
  await cache.users.add('8', 'b', START + 2 * HOUR)
  await cache.swap('s:b', 'v2', entry({ version: 'v3', expires: START + 2 * HOUR, member }))
  t.deepEqual([await cache.users.keys('7'), await cache.users.keys('8')], [[], ['b']], 'another user')
  await cache.swap('s:b', 'v3', entry({ version: 'v4', expires: START + 2 * HOUR }))
  t.deepEqual(await cache.users.keys('8'), [], 'a forward is not listed')
})

test('sign-ins that nobody comes back to do not fill the memory beyond the limit', async (t) => {
  const program = `
    import { randomBytes } from 'node:crypto'
    import { MemoryCache } from './src/session/caches/memory.ts'
    import { CacheStore } from './src/session/stores/cache.ts'
    const MB = 2 ** 20
    const memory = () => {
      gc()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    // Of a longer text, as a key is of the Cookie header.
    const piece = (text) => Buffer.from(text + 'x'.repeat(8000)).toString().slice(0, text.length)
    const before = memory()
    const cache = new MemoryCache({ maxBytes: 8 * MB })
    const store = new CacheStore({ cache })
    const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
    const rest = { sessionId: null, ipAddress: null, userAgent, createdAt: 0, lastActivity: 0, expires: 1e15 }
    for (let n = 0; n < 60_000; n++) {
      const data = randomBytes(225).toString('base64url')
      await store.create(piece('session-key-' + n), { data, userId: piece('the-user-' + n), ...rest })
    }
    console.log('used', (memory() - before) / MB, await store.load('session-key-59999') !== undefined)
  `
  const { printed, ended } = startProcess(['--expose-gc', TYPESCRIPT, '--input-type=module', '--eval', program])
  const [, used] = await printed(/used ([\d.]+) true/)
  t.log(`${used} MB for 8 MB`)
  t.true(Number(used) < 20)
  t.is(await ended(), 0)
})
