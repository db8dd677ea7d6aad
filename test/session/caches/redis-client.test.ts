import test from 'ava'
import { CheckedCache } from '../../../src/session/caches/checked.ts'
import { RedisCache } from '../../../src/session/caches/redis/redis.ts'
import { RedisClient } from '../../../src/session/caches/redis/redis-client.ts'
import type { Connection } from '../../../src/session/caches/redis/redis-dial.ts'
import type { ExistingRedisClient } from '../../../src/session/caches/redis/redis-existing.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'

const UNAVAILABLE = { instanceOf: StoreUnavailableError }
const TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000, maxRetryDelay: 100 }

/** Answers every command with null, or throws at once instead of returning a promise. */
class Driver {
  throws = false
  readonly error = new TypeError('thrown at once')

  send(): Promise<unknown> {
    if (this.throws) throw this.error
    return Promise.resolve(null)
  }
}

test('a connection that throws at once is unavailable, and leaves no command waiting', async (t) => {
  const driver = new Driver()
  const connection: Connection = {
    send: () => driver.send(),
    ping: async () => {},
    masterChanged: async () => false,
    masters: async () => [],
    multipleNodes: false,
    destroy() {},
  }
  const client = new RedisClient({
    dial: async () => connection,
    explain: (cause) => new Error('not connected', { cause }),
    healthCheckInterval: 60,
    maxPendingCommands: 1,
    ...TIMEOUTS,
  })
  t.teardown(() => client.close())
  await client.connect()
  driver.throws = true
  const commands = [
    () => client.send(['GET', 'a'], 'a'),
    () => client.run({ source: 'return 1', sha: '0' }, 'a', []),
    () => client.unlink(['a']),
  ]
  for (const command of commands) {
    const error = await t.throwsAsync(command, UNAVAILABLE)
    t.is(error?.cause, driver.error)
    t.false(error?.answered)
  }
  driver.throws = false
  t.is(await client.send(['GET', 'a'], 'a'), null)
})

test('a given client that throws at once counts for the breaker, and leaves no command waiting', async (t) => {
  const driver = new Driver()
  const client: ExistingRedisClient = {
    isReady: true,
    select: async () => {},
    sendCommand: () => driver.send(),
    on() {},
    off() {},
  }
  const cache = new RedisCache({ client, maxPendingCommands: 1, ...TIMEOUTS })
  const checked = new CheckedCache(cache, { maxFailures: 2 })
  t.teardown(() => checked.close())
  await cache.connect()
  driver.throws = true
  for (const state of ['up', 'down'] as const) {
    const error = await t.throwsAsync(() => checked.get('a'), UNAVAILABLE)
    t.is(error?.cause, driver.error)
    t.is(checked.state, state)
  }
  driver.throws = false
  t.is(await cache.get('a'), undefined)
})
