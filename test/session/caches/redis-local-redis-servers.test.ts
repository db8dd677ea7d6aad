import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { RedisCache } from '../../../src/session/caches/redis/redis.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { type OwnRedis, RedisServers } from '../../support/redis-servers.ts'
import { serviceUrl } from '../../support/services.ts'
import { HOUR } from '../stores/bench.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { entry } from './bench.ts'

const program = serviceUrl('redisServer')
// Where time is not what a test is about, a busy machine has plenty.
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000, maxRetryDelay: 100 }

if (program !== undefined) {
  /** A cache with local copies on a separate server, through a proxy, and a way to swap from another process. */
  const bench = async (t: ExecutionContext, localEntries = 100) => {
    const server = await new RedisServers(t, program).start()
    const proxy = await tcpProxy('127.0.0.1', server.port)
    const timeouts = { ...LONG_TIMEOUTS, commandTimeout: 2000 }
    const cache = new RedisCache({ url: `redis://127.0.0.1:${proxy.port}`, localEntries, ...timeouts })
    t.teardown(async () => {
      await cache.close()
      proxy.close()
    })
    await cache.connect()
    const expires = Date.now() + HOUR
    await cache.add('a', entry({ expires }))
    const swapElsewhere = async (version: string, next: string) => {
      const script = 'test/support/redis-swap.ts'
      const args = [`redis://127.0.0.1:${server.port}`, 'a', version, next, String(expires)]
      const [, outcome] = await startProcess([TYPESCRIPT, script, ...args]).printed(/swap: (\w+)/)
      return outcome
    }
    return { server, proxy, cache, expires, swapElsewhere }
  }

  test.serial('two processes: reads of one need one round trip, until the other writes', async (t) => {
    const { server, cache, swapElsewhere } = await bench(t)
    for (let n = 0; n < 50; n++) t.is((await cache.get('a'))?.version, 'v1')
    t.is(await readsOf(server), 1)
    t.is(await swapElsewhere('v1', 'v2'), 'done')
    t.is(
      (
        await eventually(
          () => cache.get('a'),
          (found) => found?.version !== 'v1',
        )
      )?.version,
      'v2',
    )
    const before = await readsOf(server)
    await cache.get('a')
    const after = await readsOf(server)
    for (let n = 0; n < 50; n++) t.is((await cache.get('a'))?.version, 'v2')
    t.true(after - before <= 1)
    t.is(await readsOf(server), after)
  })

  test.serial('without local entries every read goes to the server', async (t) => {
    const { server, cache } = await bench(t, 0)
    for (let n = 0; n < 5; n++) await cache.get('a')
    t.is(await readsOf(server), 5)
  })

  test.serial('a swap over a stale copy is refused, and the next read is fresh', async (t) => {
    const { server, expires, cache: other } = await bench(t, 0)
    const url = `redis://127.0.0.1:${await portWithoutPushes(t, server.port)}`
    const cache = new RedisCache({ url, localEntries: 100, ...LONG_TIMEOUTS })
    t.teardown(() => cache.close())
    await cache.connect()
    for (let n = 1; n <= 3; n++) {
      const [version, next] = [`v${n}`, `v${n + 1}`]
      t.is((await cache.get('a'))?.version, version)
      t.is(await other.swap('a', version, entry({ version: next, expires })), 'done')
      t.is((await cache.get('a'))?.version, version, 'stale')
      t.is(await cache.swap('a', version, entry({ version: 'stale', expires })), 'conflict')
      t.is((await cache.get('a'))?.version, next)
    }
    t.is(await cache.swap('a', 'v4', entry({ version: 'mine', expires })), 'done')
    t.is((await cache.get('a'))?.version, 'mine', 'and so is one after its own write')
    t.is(await cache.delete('a'), 'done')
    t.is(await cache.get('a'), undefined)
  })

  test.serial('two processes: when the network fails a copy expires', async (t) => {
    const { proxy, cache, swapElsewhere } = await bench(t)
    t.is((await cache.get('a'))?.version, 'v1')
    proxy.silence()
    t.is(await swapElsewhere('v1', 'v2'), 'done')
    const seen = new Set<string | undefined>()
    const look = async () => {
      const found = await cache.get('a').catch((error: unknown) => {
        if (error instanceof StoreUnavailableError) return undefined
        throw error
      })
      seen.add(found?.version)
      return found?.version
    }
    t.is(await eventually(look, (version) => version === 'v2'), 'v2')
    t.deepEqual(
      [...seen].filter((version) => version !== undefined && version !== 'v1'),
      ['v2'],
    )
  })

  test.serial('a lost connection drops all copies', async (t) => {
    const { proxy, cache } = await bench(t)
    await cache.get('a')
    proxy.cut()
    await eventually(
      () =>
        cache.get('a').then(
          () => 'found',
          (error: unknown) => error instanceof StoreUnavailableError,
        ),
      (outcome) => outcome === true,
    )
    proxy.repair()
    t.is((await eventually(() => cache.get('a')))?.version, 'v1')
  })

  test.serial('a cluster also reports changes', async (t) => {
    const nodes = await new RedisServers(t, program).cluster()
    const url = `redis-cluster://127.0.0.1:${nodes[0]?.port}`
    const [cache, other] = [
      new RedisCache({ url, localEntries: 100, ...LONG_TIMEOUTS }),
      new RedisCache({ url, ...LONG_TIMEOUTS }),
    ]
    t.teardown(async () => void (await Promise.all([cache.close(), other.close()])))
    await cache.connect()
    await other.connect()
    const expires = Date.now() + HOUR
    const keys = Array.from({ length: 12 }, (_, n) => `key:${n}`)
    for (const key of keys) {
      await cache.add(key, entry({ expires }))
      for (let n = 0; n < 5; n++) t.is((await cache.get(key))?.version, 'v1')
    }
    const reads = await Promise.all(nodes.map(readsOf))
    t.is(
      reads.reduce((sum, count) => sum + count, 0),
      keys.length,
    )
    for (const key of keys) {
      t.is(await other.swap(key, 'v1', entry({ version: 'v2', expires })), 'done')
      t.is(
        (
          await eventually(
            () => cache.get(key),
            (found) => found?.version !== 'v1',
          )
        )?.version,
        'v2',
      )
    }
  })
}

/** A way to the server on which it never gets to say what has changed, so that copies do become stale. */
async function portWithoutPushes(t: ExecutionContext, port: number): Promise<number> {
  const sockets: Socket[] = []
  const deaf = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    sockets.push(client, upstream)
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('data', (bytes) => upstream.write(bytes))
    upstream.on('data', (bytes) => bytes.toString('latin1', 0, 2) === '>2' || client.write(bytes))
  }).listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    deaf.close()
  })
  return (deaf.address() as AddressInfo).port
}

/** How many GETs the server has carried out. */
async function readsOf(server: OwnRedis): Promise<number> {
  const statistics = String(await server.command('INFO', 'commandstats'))
  return Number(/cmdstat_get:calls=(\d+)/.exec(statistics)?.[1] ?? 0)
}
