import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { createClient, createCluster } from 'redis'
import { openDatabase } from '../../../src/database.ts'
import { RedisCache, type RedisCacheOptions } from '../../../src/session/caches/redis/redis.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { handle } from '../../../src/session/testing/handle.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { EXPIRY } from '../../support/engine.ts'
import { serviceUrl } from '../../support/services.ts'
import { HOUR } from '../stores/bench.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { entry, text } from './bench.ts'
import { cacheContract } from './contract.ts'

const url = serviceUrl('redis')
const UNAVAILABLE = { instanceOf: StoreUnavailableError }
// Where time is not what a test is about, a busy machine has plenty.
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000, maxRetryDelay: 100 }

const unique = () => `existing:${randomBytes(6).toString('hex')}`
const live = (body: string) => entry({ expires: Date.now() + HOUR, body: Buffer.from(body) })

if (url !== undefined) {
  const { hostname, port } = new URL(url)

  /** A client as an application has it: it waits for a connection, and reconnects by itself. */
  const clientAt = async (address: string) => {
    const client = createClient({ url: address, socket: { reconnectStrategy: 20 } })
    client.on('error', () => {})
    return await client.connect()
  }

  /** Not by `once` of node:events, which an error rejects. */
  const reconnecting = (client: Awaited<ReturnType<typeof clientAt>>) =>
    new Promise<void>((resolve) => client.once('reconnecting', () => resolve()))

  const bench = async (t: ExecutionContext, options: Partial<RedisCacheOptions> = {}) => {
    const proxy = await tcpProxy(hostname, Number(port))
    const client = await clientAt(`redis://127.0.0.1:${proxy.port}`)
    const cache = new RedisCache({ client, ...LONG_TIMEOUTS, ...options })
    t.teardown(async () => {
      await cache.close()
      client.destroy()
      proxy.close()
    })
    await cache.connect()
    return { proxy, client, cache }
  }

  cacheContract('redis over an existing client', { users: true, damageable: true }, async (now) => {
    const proxy = await tcpProxy(hostname, Number(port))
    const client = await clientAt(`redis://127.0.0.1:${proxy.port}`)
    const direct = await clientAt(url)
    const caches: RedisCache[] = []
    const over = async (one: typeof client) => {
      const cache = new RedisCache({ client: one, now, ...LONG_TIMEOUTS })
      caches.push(cache)
      await cache.connect()
      return cache
    }
    return {
      cache: await over(client),
      another: async () => await over(direct),
      breakIt: async () => {
        const lost = reconnecting(client)
        proxy.cut()
        await lost
      },
      plant: async (key, bytes) => void (await direct.set(key, bytes)),
      async close() {
        await Promise.all(caches.map((cache) => cache.close()))
        client.destroy()
        direct.destroy()
        proxy.close()
      },
    }
  })

  test('an existing client keeps its own types and work, and is not closed with the cache', async (t) => {
    const { client, cache } = await bench(t)
    const [key, own] = [unique(), unique()]
    const bytes = Buffer.from([0, 255, 128, 10])
    await Promise.all([cache.add(key, entry({ expires: Date.now() + HOUR, body: bytes })), client.set(own, 'text')])
    t.deepEqual((await cache.get(key))?.body, bytes)
    t.is(await client.get(own), 'text')
    const listeners = client.listenerCount('error')
    await cache.close()
    t.true(client.isReady)
    t.is(await client.get(own), 'text')
    t.is(client.listenerCount('error'), listeners - 1)
    await t.throwsAsync(cache.get(key), UNAVAILABLE)
  })

  test('while an existing client is disconnected nothing waits in its queue; the cache is back with it', async (t) => {
    const { proxy, client, cache } = await bench(t)
    const key = unique()
    const lost = reconnecting(client)
    proxy.cut()
    await lost
    await t.throwsAsync(cache.add(key, live('late')), UNAVAILABLE)
    const connected = new Promise<void>((resolve) => cache.onConnect(resolve))
    proxy.repair()
    await connected
    t.is(await cache.get(key), undefined, 'what failed is not sent later')
    t.true(await cache.add(key, live('body')))
    t.is(text(await cache.get(key)), 'body')
  })

  test('a client that is not connected gives a clear error, and is used once it is', async (t) => {
    const client = createClient({ url })
    client.on('error', () => {})
    const cache = new RedisCache({ client, ...LONG_TIMEOUTS })
    t.teardown(async () => {
      await cache.close()
      client.destroy()
    })
    await t.throwsAsync(cache.connect(), { message: /connect it first/ })
    const connected = new Promise<void>((resolve) => cache.onConnect(resolve))
    await client.connect()
    await connected
    await t.notThrowsAsync(cache.ping())
  })

  test('a url with a client, neither, an invalid client, and a client with local copies are refused', (t) => {
    const client = createClient({ url })
    const cluster: unknown = createCluster({ rootNodes: [{ url }] })
    const wrong: RedisCacheOptions[] = [
      {},
      { url, client },
      { client, localEntries: 10 },
      { client: cluster as typeof client },
      { client: {} as typeof client },
    ]
    for (const options of wrong) t.throws(() => new RedisCache(options), { instanceOf: TypeError })
  })

  test('sessions over a Knex and a Redis client of the application leave both open when they close', async (t) => {
    const { client } = await bench(t)
    const knex = openDatabase(await migratedSqlite(t))
    t.teardown(() => knex.destroy())
    const cache = new RedisCache({ client, ...LONG_TIMEOUTS, indexPrefix: `${unique()}:` })
    await cache.connect()
    const database = new DatabaseStore({ knex, table: 'sessions' })
    const store = new CachedStore({ database, cache })
    const codec = sealedCodec({ secrets: [randomBytes(32).toString('hex')], namespace: 'sessionid' })
    const engine = new StoredEngine({ store, codec, expiry: EXPIRY })
    const { session } = await handle(async (ctx) => void (await ctx.session()), {
      user: 'ada',
      session: { n: 1 },
      settings: { engine, expiry: EXPIRY },
    })
    t.is(session.get('n'), 1)
    await store.close()
    t.is(await client.ping(), 'PONG')
    t.deepEqual(await knex('sessions').count({ count: '*' }), [{ count: 1 }])
  })
}
