import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { MemcachedCache } from '../../../src/session/caches/memcached/memcached.ts'
import { addressesIn, MemcachedServers } from '../../../src/session/caches/memcached/memcached-servers.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { serviceUrl } from '../../support/services.ts'
import { START } from '../stores/bench.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { entry, text } from './bench.ts'
import { cacheContract } from './contract.ts'
import { ask, plant } from './memcached-wire.ts'

const url = serviceUrl('memcached')
const servers = url === undefined ? [] : addressesIn(url)
if (url !== undefined && servers.length > 1) suite(url)

const unavailable = { instanceOf: StoreUnavailableError }

/** The cache through proxies; `keysOf` makes keys that the server of this place in the list keeps. */
async function bench(t: ExecutionContext) {
  const proxies = await Promise.all(servers.map(({ host, port }) => tcpProxy(host, port)))
  const addresses = proxies.map(({ port }) => ({ host: '127.0.0.1', port }))
  const cache = new MemcachedCache({ servers: addresses, now: () => START })
  const hashing = new MemcachedServers(addresses, {})
  t.teardown(async () => {
    await cache.close()
    for (const proxy of proxies) proxy.close()
  })
  const id = randomBytes(6).toString('hex')
  const keysOf = (place: number) => {
    const all = Array.from({ length: 200 }, (_, n) => `${id}:${n}`)
    return all.filter((key) => hashing.of(key) === hashing.all[place]).slice(0, 20)
  }
  return { proxies, cache, keysOf }
}

function suite(url: string): void {
  cacheContract('memcached on several servers', { users: false, damageable: true }, async (now) => {
    const caches: MemcachedCache[] = []
    const open = (at: string) => {
      const cache = new MemcachedCache({ servers: at, now })
      caches.push(cache)
      return cache
    }
    const cache = open(url)
    return {
      cache,
      another: async () => open(url),
      breakIt: () => cache.close(),
      plant: async (key, bytes) => void (await Promise.all(servers.map((server) => plant(server, key, bytes)))),
      close: async () => void (await Promise.all(caches.map((each) => each.close()))),
    }
  })

  test('each key is on exactly one server', async (t) => {
    const { cache, keysOf } = await bench(t)
    for (const [place, server] of servers.entries()) {
      const keys = keysOf(place)
      t.is(keys.length, 20)
      await Promise.all(keys.map((key) => cache.add(key, entry())))
      for (const key of keys) t.regex(await ask(server, `mg ${key} s\r\n`), /^HD/)
      for (const other of servers.filter((each) => each !== server)) {
        for (const key of keys) t.regex(await ask(other, `mg ${key} s\r\n`), /^EN/)
      }
    }
  })

  test('the keys of a server that is down are unavailable, do not move, and are available again afterwards', async (t) => {
    const { proxies, cache, keysOf } = await bench(t)
    const [lost = '', other = ''] = keysOf(0)
    const [kept = ''] = keysOf(1)
    for (const key of [lost, other, kept]) await cache.add(key, entry())
    proxies[0]?.cut()
    await t.throwsAsync(cache.get(lost), unavailable)
    await t.throwsAsync(cache.delete(lost), unavailable)
    await t.throwsAsync(cache.add(lost, entry()), unavailable)
    t.is(text(await cache.get(kept)), 'body')
    t.is(await cache.swap(kept, 'v1', entry({ version: 'v2' })), 'done')
    const error = await t.throwsAsync<StoreUnavailableError>(cache.ping(), unavailable)
    t.regex(String(error?.cause), new RegExp(`memcached 127\\.0\\.0\\.1:${proxies[0]?.port}: `))
    proxies[0]?.repair()
    for (;;) {
      // Only an attempt shows that the delay is over.
      if ((await cache.serverStats()).every(({ up }) => up)) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    t.is(text(await cache.get(lost)), 'body', 'it was never moved')
    t.is(text(await cache.get(other)), 'body')
  })
}

const KEYS = Array.from({ length: 10_000 }, (_, n) => `session:1:${n}`)

function homes(names: readonly string[]): (string | undefined)[] {
  const hashing = new MemcachedServers(
    names.map((host) => ({ host, port: 11211 })),
    {},
  )
  return KEYS.map((key) => hashing.of(key).name)
}

test('servers share the keys evenly, in any order of the list', (t) => {
  const found = homes(['one', 'two', 'three', 'four'])
  const shares = new Map<string | undefined, number>()
  for (const home of found) shares.set(home, (shares.get(home) ?? 0) + 1)
  t.is(shares.size, 4)
  for (const share of shares.values()) t.true(share > 2300 && share < 2700, `${share} of 10,000`)
  t.deepEqual(homes(['four', 'two', 'one', 'three']), found)
})

test('a new server takes about its share of the keys and moves no others', (t) => {
  const before = homes(['one', 'two', 'three', 'four'])
  const after = homes(['one', 'two', 'three', 'four', 'five'])
  const moved = after.filter((home, n) => home !== before[n])
  t.true(moved.length > 1800 && moved.length < 2200, `${moved.length} of 10,000 moved`)
  t.deepEqual([...new Set(moved)], ['five:11211'])
})

test('a key has the same server in every process and release', (t) => {
  // Known answers: another hash would lose the sessions of everybody at the next start.
  const known = ['one', 'one', 'one', 'three', 'three', 'three', 'one', 'one']
  t.deepEqual(
    homes(['one', 'two', 'three']).slice(0, 8),
    known.map((name) => `${name}:11211`),
  )
})

test('the address of several servers is parsed', (t) => {
  t.deepEqual(addressesIn('memcached://localhost'), [{ host: 'localhost', port: 11211 }])
  t.deepEqual(addressesIn('memcached://10.0.0.1:1,cache-2.example:65535,[::1]:2,[fe80::1]'), [
    { host: '10.0.0.1', port: 1 },
    { host: 'cache-2.example', port: 65535 },
    { host: '::1', port: 2 },
    { host: 'fe80::1', port: 11211 },
  ])
  const bad = [
    '',
    'memcached://',
    'redis://a',
    'memcached://a:0',
    'memcached://a:65536',
    'memcached://a,',
    'memcached://a b',
  ]
  for (const each of [...bad, 'memcached://user:pass@a', 'memcached://a:x', 'memcached://::1', 'memcached://a/0']) {
    t.throws(() => addressesIn(each), { instanceOf: RangeError }, each)
  }
})

test('no servers, or one twice, is an error at once', (t) => {
  for (const servers of [[], 'memcached://a,b,a', 'memcached://a,a:11211']) {
    t.throws(() => new MemcachedCache({ servers }), { instanceOf: RangeError })
  }
})
