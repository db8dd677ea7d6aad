import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { CheckedCache } from '../../../src/session/caches/checked.ts'
import { MemcachedCache, type MemcachedOptions } from '../../../src/session/caches/memcached/memcached.ts'
import type { MemcachedAddress } from '../../../src/session/caches/memcached/memcached-connection.ts'
import { addressesIn } from '../../../src/session/caches/memcached/memcached-servers.ts'
import { SessionTooLargeError, StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { serviceUrl } from '../../support/services.ts'
import { DAY, HOUR, START } from '../stores/bench.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { entry, text } from './bench.ts'
import { ask, ownMemcached, wiretap } from './memcached-wire.ts'

const url = serviceUrl('memcached')
const server = url === undefined ? undefined : addressesIn(url)[0]
if (server !== undefined) suite(server)

const unavailable = { instanceOf: StoreUnavailableError }

function open(t: ExecutionContext, address: MemcachedAddress, options: Partial<MemcachedOptions> = {}) {
  const cache = new MemcachedCache({ servers: [address], now: () => START, ...options })
  t.teardown(() => cache.close())
  return cache
}

/** A key that no other test has. */
function freshKey(): string {
  return randomBytes(8).toString('hex')
}

function problemOf(error: StoreUnavailableError | undefined): string {
  return error?.cause instanceof Error ? error.cause.message : ''
}

function suite(server: MemcachedAddress): void {
  test.serial('answers may come byte by byte', async (t) => {
    const tap = await wiretap(t, server)
    tap.answer = (bytes) => Array.from(bytes, (byte) => Buffer.from([byte]))
    const cache = open(t, tap.address)
    const body = Buffer.concat([randomBytes(3000), Buffer.from('\r\nEN\r\n')])
    const key = freshKey()
    t.true(await cache.add(key, entry({ body })))
    const found = await Promise.all([cache.get(key), cache.get(freshKey()), cache.get(key)])
    t.deepEqual(found, [entry({ body }), undefined, entry({ body })])
  })

  test.serial('an error of the server does not count as down', async (t) => {
    const tap = await wiretap(t, server)
    const cache = open(t, tap.address)
    const checked = new CheckedCache(cache, { maxFailures: 1 })
    t.teardown(() => checked.close())
    await checked.ping()
    tap.answer = () => [Buffer.from('SERVER_ERROR out of memory storing object\r\n')]
    await t.throwsAsync(checked.get(freshKey()), unavailable)
    t.is(checked.state, 'up')
    tap.answer = (bytes) => [bytes]
    t.is(await checked.get(freshKey()), undefined)
  })

  test.serial('an answer on a new connection is reported, so that no request waits for the next ping', async (t) => {
    const proxy = await tcpProxy(server.host, server.port)
    const cache = open(t, { host: '127.0.0.1', port: proxy.port })
    t.teardown(() => proxy.close())
    let connects = 0
    cache.onConnect(() => connects++)
    await cache.ping()
    await cache.ping()
    t.is(connects, 1)
    proxy.cut()
    await t.throwsAsync(cache.ping(), unavailable)
    t.is(connects, 1, 'a connection without an answer does not count')
    proxy.repair()
    while ((await cache.serverStats()).some(({ up }) => !up)) await new Promise((resolve) => setTimeout(resolve, 5))
    t.is(connects, 2)
  })

  test.serial('keys that could break out of a command are refused before a byte is sent', async (t) => {
    const tap = await wiretap(t, server)
    const cache = open(t, tap.address)
    await cache.ping()
    const before = tap.sent()
    const hostile = [
      'a\r\nmd b',
      'a b',
      'a\tb',
      'a\nb',
      '\0',
      'a\x7f',
      'ü',
      '\ud800',
      '',
      ' ',
      'a/b',
      'a"',
      'x'.repeat(251),
    ]
    for (const key of hostile) {
      const verbs = [
        () => cache.get(key),
        () => cache.add(key, entry()),
        () => cache.swap(key, 'v1', entry()),
        () => cache.delete(key),
        () => cache.delete(key, 'v1'),
      ]
      for (const verb of verbs) await t.throwsAsync(verb, { instanceOf: RangeError }, JSON.stringify(key))
    }
    t.is(tap.sent(), before)
    t.true(await cache.add(freshKey().padEnd(250, 'x'), entry()), 'the longest key that there can be')
  })

  test.serial('a server that stops answering fails all waiting commands, and a new connection is made', async (t) => {
    const proxy = await tcpProxy(server.host, server.port)
    t.teardown(() => proxy.close())
    const cache = open(t, { host: '127.0.0.1', port: proxy.port }, { commandTimeout: 50 })
    const key = freshKey()
    await cache.add(key, entry())
    proxy.silence()
    const waiting = [cache.get(key), cache.delete(freshKey()), cache.ping()]
    for (const each of waiting) {
      const error = await t.throwsAsync<StoreUnavailableError>(each, unavailable)
      t.is(problemOf(error), `memcached 127.0.0.1:${proxy.port}: no answer within 50 ms`)
    }
    t.is(text(await cache.get(key)), 'body')
  })

  test.serial('a server that is down is connected again, first at once and then with delays', async (t) => {
    const proxy = await tcpProxy(server.host, server.port)
    t.teardown(() => proxy.close())
    const cache = open(t, { host: '127.0.0.1', port: proxy.port })
    await cache.ping()
    proxy.cut()
    for (let n = 0; n < 3; n++) await t.throwsAsync(cache.ping(), unavailable)
    proxy.repair()
    // Only an attempt shows that the delay is over.
    for (;;) {
      const answered = await cache.ping().then(
        () => true,
        () => false,
      )
      if (answered) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    proxy.cut()
    await t.throwsAsync(cache.ping(), unavailable)
    t.pass()
  })

  test.serial('a refused connection is named', async (t) => {
    const proxy = await tcpProxy(server.host, server.port)
    proxy.close()
    const cache = open(t, { host: '127.0.0.1', port: proxy.port })
    const error = await t.throwsAsync<StoreUnavailableError>(cache.ping(), unavailable)
    t.regex(problemOf(error), new RegExp(`^memcached 127\\.0\\.0\\.1:${proxy.port}: .*ECONNREFUSED`))
  })

  test.serial('an invalid reply ends the connection, and the next one works', async (t) => {
    const wrong = [
      'HTTP/1.1 400 Bad Request\r\n',
      'VA 3\r\nabcd\r\n',
      'ERROR\r\n',
      'CLIENT_ERROR bad data chunk\r\n',
      'MN\r\n',
    ]
    for (const answer of wrong) {
      const tap = await wiretap(t, server)
      const cache = open(t, tap.address)
      const key = freshKey()
      await cache.add(key, entry())
      tap.answer = () => [Buffer.from(answer)]
      const error = await t.throwsAsync<StoreUnavailableError>(cache.get(key), unavailable, answer)
      t.true(problemOf(error).startsWith(`memcached 127.0.0.1:${tap.address.port}: invalid reply`), problemOf(error))
      tap.answer = (bytes) => [bytes]
      t.deepEqual(await cache.get(key), entry())
    }
  })

  test.serial('a reply for another key is never used', async (t) => {
    const tap = await wiretap(t, server)
    const cache = open(t, tap.address)
    const [mine, hers] = [freshKey(), freshKey()]
    await cache.add(mine, entry({ body: Buffer.from('mine') }))
    await cache.add(hers, entry({ body: Buffer.from('hers') }))
    const answer = await ask(server, `mg ${hers} v c k\r\n`)
    t.regex(answer, /hers/)
    tap.answer = () => [Buffer.from(answer, 'latin1')]
    await t.throwsAsync(cache.get(mine), unavailable)
    tap.answer = (bytes) => [bytes]
    t.is(text(await cache.get(mine)), 'mine')
  })

  test.serial('an unexpected reply ends the connection', async (t) => {
    const tap = await wiretap(t, server)
    const cache = open(t, tap.address)
    tap.answer = (bytes) => [bytes, Buffer.from('EN\r\n')]
    await cache.ping()
    tap.answer = (bytes) => [bytes]
    await t.notThrowsAsync(async () => {
      // The stray word may arrive together with the first answer, or meet the second.
      await cache.ping().catch(() => cache.ping())
    })
    t.is(await cache.get(freshKey()), undefined)
  })

  test.serial('only so many commands may wait on one connection', async (t) => {
    const proxy = await tcpProxy(server.host, server.port)
    t.teardown(() => proxy.close())
    const cache = open(t, { host: '127.0.0.1', port: proxy.port }, { commandTimeout: 100, maxPending: 3 })
    await cache.ping()
    proxy.silence()
    const waiting = Array.from({ length: 4 }, () => cache.get(freshKey()))
    const errors = await Promise.all(waiting.map((each) => t.throwsAsync<StoreUnavailableError>(each, unavailable)))
    const problems = errors.map((error) => problemOf(error).replace(/^.*: /, ''))
    t.deepEqual(problems, [
      ...Array<string>(3).fill('no answer within 100 ms'),
      'too many commands are waiting for an answer',
    ])
    await t.notThrowsAsync(cache.ping())
  })

  test.serial('more than the server takes is refused before it is sent, and the old state stays', async (t) => {
    const cache = open(t, server)
    const key = freshKey()
    await cache.add(key, entry())
    const large = entry({ version: 'v2', body: Buffer.alloc(1024 * 1024) })
    const [swapped, read, added] = await Promise.allSettled([
      cache.swap(key, 'v1', large),
      cache.get(key),
      cache.add(freshKey(), large),
    ])
    for (const { status, reason } of [swapped, added].map((result) => ({ reason: undefined, ...result }))) {
      t.is(status, 'rejected')
      t.true(reason instanceof SessionTooLargeError)
    }
    t.deepEqual(read, { status: 'fulfilled', value: entry() })
    t.deepEqual(await cache.get(key), entry())
    const error = await t.throwsAsync<SessionTooLargeError>(cache.swap(key, 'v1', large), {
      instanceOf: SessionTooLargeError,
    })
    const most = entry({ version: 'v3', body: randomBytes((error?.limit ?? 0) - 40) })
    t.is(await cache.swap(key, 'v1', most), 'done')
    t.true((await cache.get(key))?.body.equals(most.body), 'the largest that is let through')
  })

  test.serial('the server removes expired entries, soon after and never before', async (t) => {
    const cache = open(t, server)
    const age = async (expires: number) => {
      const key = freshKey()
      await cache.add(key, entry({ expires }))
      return Number(/^HD t(-?\d+)/.exec(await ask(server, `mg ${key} t\r\n`))?.[1])
    }
    for (const seconds of [1, 60, 30 * 24 * 3600 - 1, 30 * 24 * 3600, 40 * 24 * 3600, 400 * 24 * 3600]) {
      const left = await age(START + seconds * 1000)
      // Their clocks tick on their own.
      t.true(left >= seconds - 1 && left <= seconds + 3, `${left} s left of ${seconds}`)
    }
    t.is(await age(START + 36_500 * DAY), -1, 'beyond what its clock can count')
    t.true((await age(START - HOUR)) <= 2)
  })

  test.serial('statistics of the servers, including one that is down', async (t) => {
    const own = await ownMemcached(t)
    const proxy = await tcpProxy(server.host, server.port)
    proxy.close()
    if (own === undefined) return t.pass('there is no program to start one')
    const cache = new MemcachedCache({ servers: [own, { host: '127.0.0.1', port: proxy.port }], now: () => START })
    const alone = open(t, own)
    t.teardown(() => cache.close())
    for (let n = 0; n < 10; n++) await alone.add(`small${n}`, entry())
    await alone.add('large', entry({ body: Buffer.alloc(10_000) }))
    await alone.get('small0')
    await alone.get('never')
    const [up, down] = await cache.serverStats()
    if (up?.up !== true) return t.fail()
    t.like(up, { server: `127.0.0.1:${own.port}`, items: 11, hits: 1, misses: 1, evictions: 0, outOfMemory: 0 })
    t.like(up, { maxBytes: 64 * 1024 * 1024, connections: 2 })
    t.regex(up.version, /^\d+\.\d+/)
    t.deepEqual(
      up.slabs.map(({ items, used }) => [items, used]),
      [
        [10, 10],
        [1, 1],
      ],
    )
    t.true(up.slabs.every(({ itemBytes, free }) => itemBytes > 100 && free > 0))
    const guarded = new CheckedCache(cache, { maxFailures: 1 })
    await t.throwsAsync(guarded.ping(), unavailable)
    t.is((await guarded.serverStats?.())?.length, 2, 'also while the cache is down')
    if (down?.up !== false) return t.fail()
    t.regex(down.problem, new RegExp(`127\\.0\\.0\\.1:${proxy.port}.*ECONNREFUSED`))
  })
}
