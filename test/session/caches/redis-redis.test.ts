import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { createClient } from 'redis'
import { DAMAGED } from '../../../src/session/caches/cache.ts'
import { CheckedCache } from '../../../src/session/caches/checked.ts'
import { RedisCache, type RedisCacheOptions } from '../../../src/session/caches/redis/redis.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { serviceUrl } from '../../support/services.ts'
import { HOUR, START } from '../stores/bench.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { entry, text } from './bench.ts'
import { cacheContract } from './contract.ts'

const url = serviceUrl('redis')
const UNAVAILABLE = { instanceOf: StoreUnavailableError }
// Where time is not what a test is about, a busy machine has plenty.
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000, maxRetryDelay: 100 }

if (url !== undefined) {
  const { hostname, port } = new URL(url)

  const rawClient = async () => {
    const client = createClient({ url })
    client.on('error', () => {})
    return await client.connect()
  }

  /** A connected cache, and a proxy on its way to the server. */
  const through = async (t: ExecutionContext, options: Partial<RedisCacheOptions> = {}) => {
    const proxy = await tcpProxy(hostname, Number(port))
    const cache = new RedisCache({ url: `redis://127.0.0.1:${proxy.port}`, ...LONG_TIMEOUTS, ...options })
    t.teardown(async () => {
      await cache.close()
      proxy.close()
    })
    await cache.connect()
    return { cache, proxy }
  }

  type Raw = Awaited<ReturnType<typeof rawClient>>

  const raw = async (t: ExecutionContext) => {
    const client = await rawClient()
    t.teardown(() => client.destroy())
    return client
  }

  const newUser = async (t: ExecutionContext, client: Raw, rights: string[], password = 'word') => {
    const user = unique().replace(':', '-')
    await client.sendCommand(['ACL', 'SETUSER', user, 'on', `>${password}`, '~*', ...rights])
    // Of its own, as that of the test may be gone by then.
    t.teardown(async () => {
      const last = await rawClient()
      await last.sendCommand(['ACL', 'DELUSER', user])
      last.destroy()
    })
    return user
  }

  for (const localEntries of [0, 100]) {
    const name = localEntries === 0 ? 'redis' : 'redis with local copies'
    cacheContract(name, { users: true, damageable: true }, async (now) => {
      const proxy = await tcpProxy(hostname, Number(port))
      const client = await rawClient()
      const caches: RedisCache[] = []
      const on = async (address: string) => {
        const cache = new RedisCache({ url: address, localEntries, now, ...LONG_TIMEOUTS })
        caches.push(cache)
        await cache.connect()
        return cache
      }
      return {
        cache: await on(`redis://127.0.0.1:${proxy.port}`),
        another: async () => await on(url),
        breakIt: async () => proxy.cut(),
        plant: async (key, bytes) => void (await client.set(key, bytes)),
        async close() {
          await Promise.all(caches.map((cache) => cache.close()))
          client.destroy()
          proxy.close()
        },
      }
    })
  }

  test.serial('redis: a key of another type is damaged, and can be replaced and deleted', async (t) => {
    const { cache } = await through(t)
    const client = await raw(t)
    const key = unique()
    await client.rPush(key, 'member')
    t.deepEqual(await cache.get(key), DAMAGED)
    t.false(await cache.add(key, live()))
    t.is(await cache.swap(key, 'v1', live()), 'conflict')
    t.is(await cache.swap(key, DAMAGED.version, live()), 'done')
    t.is(text(await cache.get(key)), 'body')
    await cache.delete(key)
    await client.rPush(key, 'member')
    t.is(await cache.delete(key), 'done')
  })

  test.serial('redis: the server removes expired entries, and the index with its last member', async (t) => {
    const clock = { now: START }
    const { cache } = await through(t, { now: () => clock.now, indexPrefix: `${unique()}:` })
    const client = await raw(t)
    const key = unique()
    await cache.add(key, entry({ expires: START + HOUR }))
    t.true((await client.pTTL(key)) > 0)
    await cache.swap(key, 'v1', entry({ expires: START + 10 * HOUR }))
    t.true((await client.pTTL(key)) > HOUR)
    await cache.swap(key, 'v1', entry({ expires: START - HOUR }))
    await t.notThrowsAsync(
      eventually(
        () => client.exists(key),
        (found) => found === 0,
      ),
    )
  })

  test.serial(
    'redis: an index of a user holds no expired member after an addition, and expires with its last one',
    async (t) => {
      const clock = { now: START }
      const indexPrefix = `${unique()}:`
      const { cache } = await through(t, { now: () => clock.now, indexPrefix })
      const client = await raw(t)
      await cache.users.add('7', 'a', START + HOUR)
      await cache.users.add('7', 'b', START + 3 * HOUR)
      clock.now = START + HOUR
      await cache.users.add('7', 'c', START + 2 * HOUR)
      t.deepEqual(await client.zRange(`${indexPrefix}7`, 0, -1), ['c', 'b'])
      const life = await client.pTTL(`${indexPrefix}7`)
      t.true(life > HOUR && life <= 2 * HOUR + 1000, 'as long as b')
      await cache.users.add('7', 'd', clock.now - 1)
      t.deepEqual(await client.zRange(`${indexPrefix}7`, 0, -1), ['c', 'b'])
      await cache.users.remove('7', 'b')
      await cache.users.remove('7', 'c')
      t.is(await client.exists(`${indexPrefix}7`), 0)
      await cache.users.add('8', 'a', clock.now + 1)
      await t.notThrowsAsync(
        eventually(
          () => client.exists(`${indexPrefix}8`),
          (found) => found === 0,
        ),
      )
    },
  )

  test.serial('redis: scripts that the server has lost are sent again', async (t) => {
    const { cache } = await through(t)
    const client = await raw(t)
    const key = unique()
    await cache.add(key, live())
    t.is(await cache.swap(key, 'v1', live({ version: 'v2' })), 'done')
    await client.scriptFlush()
    t.is(await cache.swap(key, 'v2', live({ version: 'v3' })), 'done')
    t.is(await cache.delete(key, 'v3'), 'done')
  })

  test.serial('redis: it reconnects, and commands fail at once until then', async (t) => {
    const { cache, proxy } = await through(t)
    const key = unique()
    await cache.add(key, live())
    proxy.cut()
    await t.throwsAsync(cache.get(key), UNAVAILABLE)
    await t.throwsAsync(cache.get(key), UNAVAILABLE)
    proxy.repair()
    t.is(text(await eventually(() => cache.get(key))), 'body')
  })

  test.serial('redis: a server that does not answer is unavailable, and its connection is replaced', async (t) => {
    const { cache, proxy } = await through(t, { commandTimeout: 500 })
    const key = unique()
    await cache.add(key, live())
    proxy.silence()
    await t.throwsAsync(cache.get(key), UNAVAILABLE)
    t.is(text(await eventually(() => cache.get(key))), 'body')
  })

  test.serial('redis: an idle connection that stopped answering is replaced', async (t) => {
    const client = await raw(t)
    const user = await newUser(t, client, ['+@all'])
    const proxy = await tcpProxy(hostname, Number(port))
    t.teardown(() => proxy.close())
    const timeouts = { commandTimeout: 500, healthCheckInterval: 0.05 }
    const cache = cacheAt(t, `redis://${user}:word@127.0.0.1:${proxy.port}`, timeouts)
    await cache.connect()
    const connections = async () =>
      (await client.clientList()).filter((other) => other.user === user).map(({ id }) => id)
    const [before] = await connections()
    t.not(before, undefined)
    proxy.silence()
    const after = await eventually(connections, (ids) => ids.some((id) => id !== before))
    t.true(after.length > 0)
    await t.notThrowsAsync(eventually(() => cache.ping()))
  })

  test.serial('redis: a server that accepts but never greets gives a clear error', async (t) => {
    const silentServer = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silentServer, 'listening')
    t.teardown(() => silentServer.close())
    const cache = cacheAt(t, `redis://127.0.0.1:${(silentServer.address() as AddressInfo).port}`, {
      connectTimeout: 100,
    })
    await t.throwsAsync(cache.connect(), { message: /says nothing\. Check that it is not stopped/ })
    await t.throwsAsync(cache.get('a'), UNAVAILABLE)
  })

  test.serial('redis: started without a server the error has the fix, and it connects later', async (t) => {
    const proxy = await tcpProxy(hostname, Number(port))
    t.teardown(() => proxy.close())
    proxy.cut()
    const cache = cacheAt(t, `redis://somebody:s3cret-word@127.0.0.1:${proxy.port}`)
    const error = await t.throwsAsync(cache.connect(), {
      message: /cannot be reached \(.*Start it, or correct the URL/,
    })
    t.notRegex(JSON.stringify([error?.message, error?.stack, String(error?.cause)]), /s3cret-word|somebody/)
    proxy.repair()
    const healing = cacheAt(t, `redis://127.0.0.1:${proxy.port}`)
    proxy.cut()
    await t.throwsAsync(healing.connect())
    const unavailable = await t.throwsAsync(healing.ping(), UNAVAILABLE)
    t.regex(String(unavailable?.cause), /Redis at 127\.0\.0\.1:\d+ cannot be reached/)
    proxy.repair()
    await t.notThrowsAsync(eventually(() => healing.ping()))
  })

  test.serial('redis: TLS sends no plain text, and a server without TLS gives a clear error', async (t) => {
    const said: Buffer[] = []
    const plain = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (bytes) => {
        said.push(bytes)
        socket.end('-ERR unknown command\r\n')
      })
    }).listen(0, '127.0.0.1')
    await once(plain, 'listening')
    t.teardown(() => plain.close())
    const cache = cacheAt(t, `rediss://user:s3cret-word@127.0.0.1:${(plain.address() as AddressInfo).port}`)
    await t.throwsAsync(cache.connect(), { message: /cannot agree on TLS/ })
    t.is(said[0]?.[0], 0x16, 'a TLS handshake')
    t.false(Buffer.concat(said).includes('s3cret-word'))
  })

  test.serial('redis: a missing database, and a wrong cluster or sentinel URL, give clear errors', async (t) => {
    const sentences = new Map([
      [`redis://${hostname}:${port}/9999`, /has no database 9999\. Choose a lower number/],
      [`redis-cluster://${hostname}:${port}`, /is a single server\. Write redis:/],
      [`redis-sentinel://${hostname}:${port}/main`, /cannot be reached \(.*unknown command/i],
      [`redis://user:s3cret-word@${hostname}:${port}`, /refuses the user or the password\. Correct them/],
    ])
    for (const [address, message] of sentences) {
      await t.throwsAsync(cacheAt(t, address).connect(), { message }, address)
    }
  })

  test.serial('redis: an error of the server is unavailable, and the connection stays', async (t) => {
    const client = await raw(t)
    const user = await newUser(t, client, ['+get', '+@connection'], 'a b@c')
    const cache = cacheAt(t, `redis://${user}:a%20b%40c@${hostname}:${port}`)
    await cache.connect()
    t.is(await cache.get(unique()), undefined)
    const refused = await t.throwsAsync(cache.add(unique(), live()), UNAVAILABLE)
    t.regex(String(refused?.cause), /NOPERM/)
    t.is(await cache.get(unique()), undefined)
    const checked = new CheckedCache(cache, { maxFailures: 1 })
    t.teardown(() => checked.close())
    await t.throwsAsync(checked.add(unique(), live()), UNAVAILABLE)
    t.is(checked.state, 'up', 'a server that refuses is not silent')
    t.is(await checked.get(unique()), undefined)
  })

  test.serial('redis: only so many commands may wait; those that were answered or refused do not count', async (t) => {
    const { cache, proxy } = await through(t, { maxPendingCommands: 2 })
    const key = unique()
    await (await raw(t)).sendCommand(['LPUSH', key, 'no entry'])
    for (let n = 0; n < 3; n++) {
      t.is(await cache.get(key), DAMAGED)
      t.is(await cache.get(unique()), undefined)
    }
    proxy.fail({ answers: { hold: true } })
    const waiting = [cache.get(unique()), cache.get(unique())]
    const refused = await t.throwsAsync(cache.get(unique()), UNAVAILABLE)
    t.regex(String(refused?.cause), /2 commands are waiting/)
    proxy.repair()
    t.deepEqual(await Promise.all(waiting), [undefined, undefined])
  })

  test.serial('redis: a new connection is reported, so that no request waits for the next ping', async (t) => {
    const { cache, proxy } = await through(t)
    proxy.cut()
    await t.throwsAsync(cache.ping(), UNAVAILABLE)
    const connected = new Promise<void>((resolve) => cache.onConnect(resolve))
    proxy.repair()
    await connected
    await t.notThrowsAsync(cache.ping())
  })

  test('redis: an interval above the maximum of a timer is refused', (t) => {
    for (const healthCheckInterval of [0, 3601, 2_592_000, Number.NaN]) {
      t.throws(() => new RedisCache({ url, healthCheckInterval }), { instanceOf: RangeError })
    }
  })

  test.serial('redis: statistics of the server', async (t) => {
    const { cache, proxy } = await through(t)
    await cache.add(unique(), live())
    const [figures, ...others] = await cache.serverStats()
    t.deepEqual(others, [])
    t.like(figures, { address: `127.0.0.1:${proxy.port}`, maxMemory: 0, evictionPolicy: 'noeviction' })
    t.regex(figures?.version ?? '', /^\d+\.\d+/)
    const counts = [figures?.usedMemory, figures?.keys, figures?.expiringKeys, figures?.commands]
    for (const count of [...counts, figures?.connectedClients]) t.true(typeof count === 'number' && count > 0)
    const zeros = [figures?.slowLog, figures?.evicted, figures?.hits, figures?.misses, figures?.expired]
    for (const count of zeros) t.true(Number.isInteger(count))
    await cache.close()
    await t.throwsAsync(cache.serverStats(), UNAVAILABLE)
  })
}

function unique(): string {
  return `redis:${randomBytes(6).toString('hex')}`
}

/** An entry that is live by the real clock. */
function live(changes: Parameters<typeof entry>[0] = {}) {
  return entry({ expires: Date.now() + HOUR, ...changes })
}

function cacheAt(t: ExecutionContext, url: string, options: Partial<RedisCacheOptions> = {}): RedisCache {
  const cache = new RedisCache({ url, ...LONG_TIMEOUTS, ...options })
  t.teardown(() => cache.close())
  return cache
}
