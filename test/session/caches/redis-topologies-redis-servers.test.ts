import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { RedisCache, type RedisCacheOptions } from '../../../src/session/caches/redis/redis.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { type OwnRedis, RedisServers } from '../../support/redis-servers.ts'
import { serviceUrl } from '../../support/services.ts'
import { HOUR } from '../stores/bench.ts'
import { entry, text } from './bench.ts'

const program = serviceUrl('redisServer')
const UNAVAILABLE = { instanceOf: StoreUnavailableError }
// Where time is not what a test is about, a busy machine has plenty.
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000, maxRetryDelay: 100 }

if (program !== undefined) {
  test.serial('a single Redis: wrong and missing passwords give clear errors without the password', async (t) => {
    const servers = new RedisServers(t, program)
    const { port } = await servers.start(['--requirepass', 'r1ght-word'])
    const sentences = new Map([
      [`redis://:wr0ng-word@127.0.0.1:${port}`, /refuses the user or the password/],
      [`redis://127.0.0.1:${port}`, /wants a password\. Write user:password@/],
    ])
    for (const [url, message] of sentences) {
      const error = await t.throwsAsync(cacheAt(t, url).connect(), { message })
      t.notRegex([error?.message, error?.stack, String(error?.cause)].join(), /wr0ng-word/)
    }
    const cache = cacheAt(t, `redis://:r1ght-word@127.0.0.1:${port}/3`)
    await cache.connect()
    await t.notThrowsAsync(cache.ping())
  })

  test.serial('a single Redis: unavailable after a kill, and working after a restart', async (t) => {
    const servers = new RedisServers(t, program)
    const first = await servers.start()
    const cache = cacheAt(t, `redis://127.0.0.1:${first.port}`)
    await cache.connect()
    const [identity, connection] = [await cache.identity(), cache.connection]
    await kill(first)
    await t.throwsAsync(cache.get('a'), UNAVAILABLE)
    t.is(cache.connection, undefined)
    await t.throwsAsync(cache.identity(), UNAVAILABLE)
    await servers.start([], first.port)
    t.is(await eventually(() => cache.get('a')), undefined)
    t.not(cache.connection, connection)
    t.not(await cache.identity(), identity)
  })

  test.serial('a single Redis: unavailable while suspended, and working afterwards', async (t) => {
    const servers = new RedisServers(t, program)
    const server = await servers.start()
    const cache = cacheAt(t, `redis://127.0.0.1:${server.port}`, { ...LONG_TIMEOUTS, commandTimeout: 500 })
    await cache.connect()
    await cache.add('a', live())
    server.child.kill('SIGSTOP')
    await t.throwsAsync(cache.get('a'), UNAVAILABLE)
    await t.throwsAsync(cache.swap('a', 'v1', live({ version: 'v2' })), UNAVAILABLE)
    server.child.kill('SIGCONT')
    t.is(text(await eventually(() => cache.get('a'))), 'body')
  })

  test.serial('a full Redis refuses writes and still reads and deletes', async (t) => {
    const server = await new RedisServers(t, program).start()
    const cache = cacheAt(t, `redis://127.0.0.1:${server.port}`)
    await cache.connect()
    await cache.add('a', live())
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const refused = await t.throwsAsync(cache.add('b', live()), UNAVAILABLE)
    t.regex(String(refused?.cause), /OOM/)
    await t.throwsAsync(cache.swap('a', 'v1', live({ version: 'v2' })), UNAVAILABLE)
    t.is((await cache.get('a'))?.version, 'v1')
    t.is(await cache.delete('a', 'v1'), 'done')
    t.is((await cache.serverStats())[0]?.maxMemory, 1)
  })

  test.serial('a cluster: keys on every node, moved slots, a lost node', async (t) => {
    const nodes = await new RedisServers(t, program).cluster()
    const url = `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
    const [cache, other] = [cacheAt(t, url), cacheAt(t, url)]
    await cache.connect()
    await other.connect()
    await cache.ping()
    const keys = Array.from({ length: 60 }, (_, n) => `session:1:${n}`)
    for (const key of keys) {
      t.true(await cache.add(key, live()))
      t.is(await other.swap(key, 'v1', live({ version: 'v2', body: Buffer.from(key) })), 'done')
      t.is(await cache.swap(key, 'v1', live({ version: 'v3' })), 'conflict')
      t.is(text(await cache.get(key)), key)
      await cache.users.add(key, 'member', Date.now() + HOUR)
      t.deepEqual(await other.users.keys(key), ['member'])
    }
    const figures = await cache.serverStats()
    t.is(figures.length, 3)
    t.true(figures.every((figure) => figure.keys > 0))
    t.is(
      figures.reduce((sum, figure) => sum + figure.keys, 0),
      120,
    )

    const { connection } = cache
    t.is(await cache.identity(), await other.identity())
    const [from, to, third] = nodes
    if (from === undefined || to === undefined || third === undefined) return t.fail('three nodes')
    const moved = await moveFirstSlot(from, to, nodes)
    t.is(text(await cache.get(moved)), moved, 'where it went')
    t.is(await cache.delete(moved, 'v2'), 'done')

    await kill(third)
    const answers = await eventually(
      async () => await Promise.allSettled(keys.map((key) => cache.get(key))),
      (settled) => settled.some(({ status }) => status === 'rejected'),
    )
    for (const answer of answers) {
      if (answer.status === 'rejected') t.true(answer.reason instanceof StoreUnavailableError)
    }
    t.not(cache.connection, connection)
    await t.throwsAsync(cache.identity(), UNAVAILABLE)
  })

  test.serial('a cluster: while one node does not answer the others work, and it works again afterwards', async (t) => {
    const nodes = await new RedisServers(t, program).cluster()
    for (const node of nodes) await node.command('CONFIG', 'SET', 'cluster-node-timeout', '60000')
    const url = `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
    const cache = cacheAt(t, url, { ...LONG_TIMEOUTS, connectTimeout: 1000, commandTimeout: 500 })
    await cache.connect()
    const keys = Array.from({ length: 30 }, (_, n) => `session:1:${n}`)
    for (const key of keys) await cache.add(key, live())
    nodes[1]?.child.kill('SIGSTOP')
    for (const _round of [1, 2]) {
      const answers = await Promise.allSettled(keys.map((key) => cache.get(key)))
      t.true(answers.some(({ status }) => status === 'rejected'))
      t.true(answers.some((answer) => answer.status === 'fulfilled' && text(answer.value) === 'body'))
    }
    nodes[1]?.child.kill('SIGCONT')
    const all = await eventually(() => Promise.all(keys.map((key) => cache.get(key))))
    t.true(all.every((found) => text(found) === 'body'))
  })

  test.serial(
    'sentinels: the master is killed, the replica takes over, and no version is overwritten silently',
    async (t) => {
      const { master, replica, sentinels } = await new RedisServers(t, program).sentinels()
      const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
      const cache = cacheAt(t, `redis-sentinel://${hosts}/main`)
      await cache.connect()
      t.is((await cache.serverStats())[0]?.address, `127.0.0.1:${master.port}`)
      const identity = await cache.identity()
      await cache.add('a', live())
      await cache.swap('a', 'v1', live({ version: 'v2', body: Buffer.from('second') }))
      await master.command('WAIT', '1', '5000')
      await eventually(
        () => replica.command('GET', 'a'),
        (found) => String(found).includes('second'),
      )

      await kill(master)
      await t.throwsAsync(cache.get('a'), UNAVAILABLE)
      const found = await eventually(() => cache.get('a'))
      t.is(text(found), 'second')
      t.not(await cache.identity(), identity)
      t.is((await cache.serverStats())[0]?.address, `127.0.0.1:${replica.port}`)
      t.is(await cache.swap('a', 'v1', live({ version: 'v3' })), 'conflict', 'a version from before is refused')
      t.is(await cache.swap('a', 'v2', live({ version: 'v3' })), 'done')
    },
  )

  test.serial('sentinels: with a separate password, some down, and an unknown name', async (t) => {
    const servers = new RedisServers(t, program)
    const { sentinels } = await servers.sentinels('s3cret-word')
    const [first, ...rest] = sentinels
    if (first === undefined) return t.fail('a sentinel')
    await kill(first)
    const hosts = [first, ...rest].map(({ port }) => `127.0.0.1:${port}`).join(',')
    const cache = cacheAt(t, `redis-sentinel://:s3cret-word@${hosts}/main/2`, {
      ...LONG_TIMEOUTS,
      healthCheckInterval: 0.1,
    })
    await cache.connect()
    await t.notThrowsAsync(cache.ping())
    const unknown = cacheAt(t, `redis-sentinel://:s3cret-word@${hosts}/other`)
    await t.throwsAsync(unknown.connect(), { message: /no master named "other"\. Correct the master's name/ })

    const word = 's3cret-word'
    const other = await servers.start(['--requirepass', word], undefined, word)
    for (const sentinel of rest) {
      await sentinel.command('SENTINEL', 'REMOVE', 'main')
      await sentinel.command('SENTINEL', 'MONITOR', 'main', '127.0.0.1', String(other.port), '2')
      await sentinel.command('SENTINEL', 'SET', 'main', 'auth-pass', word)
    }
    const address = async () => (await cache.serverStats())[0]?.address
    const expected = `127.0.0.1:${other.port}`
    t.is(await eventually(address, (found) => found === expected), expected, 'though the old one still answers')
  })
}

function cacheAt(t: ExecutionContext, url: string, options: Partial<RedisCacheOptions> = LONG_TIMEOUTS): RedisCache {
  const cache = new RedisCache({ url, ...options })
  t.teardown(() => cache.close())
  return cache
}

function live(changes: Parameters<typeof entry>[0] = {}) {
  return entry({ expires: Date.now() + HOUR, ...changes })
}

async function kill({ child }: OwnRedis): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Moves one slot that holds an entry, with everything in it, and gives the entry's key. */
async function moveFirstSlot(from: OwnRedis, to: OwnRedis, nodes: OwnRedis[]): Promise<string> {
  const keys = await from.command('KEYS', 'session:1:*')
  const key = Array.isArray(keys) ? String(keys[0]) : randomBytes(4).toString('hex')
  const slot = String(await from.command('CLUSTER', 'KEYSLOT', key))
  const [source, target] = [String(await from.command('CLUSTER', 'MYID')), String(await to.command('CLUSTER', 'MYID'))]
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source)
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target)
  const inSlot = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '100')
  for (const each of Array.isArray(inSlot) ? inSlot.map(String) : []) {
    await from.command('MIGRATE', '127.0.0.1', String(to.port), each, '0', '5000')
  }
  for (const node of [to, from, ...nodes]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', target)
  return key
}
