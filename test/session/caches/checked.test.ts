import { mock } from 'node:test'
import test, { type ExecutionContext } from 'ava'
import { CheckedCache, type CheckedCacheOptions } from '../../../src/session/caches/checked.ts'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import type { SessionEvent } from '../../../src/session/core/events.ts'
import { steer } from '../../support/caches.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { HOUR, START } from '../stores/bench.ts'
import { entry, text } from './bench.ts'
import { cacheContract } from './contract.ts'

cacheContract('memory, checked', { users: true, damageable: false }, async (now) => {
  const memory = new MemoryCache({ now })
  const cache = new CheckedCache(memory)
  return {
    cache,
    another: async () => new CheckedCache(memory),
    breakIt: () => memory.close(),
    close: () => cache.close(),
  }
})

const unavailable = { instanceOf: StoreUnavailableError }

function bench(t: ExecutionContext, options: CheckedCacheOptions = {}) {
  const memory = new MemoryCache({ now: () => START })
  const steered = steer<MemoryCache>(memory)
  const states: string[] = []
  const waiting: { state: string; resolve: () => void }[] = []
  const observe = (event: SessionEvent) => {
    if (event.type !== 'cache-up' && event.type !== 'cache-down') return
    const state = event.type.slice('cache-'.length)
    states.push(state)
    for (const one of waiting) if (one.state === state) one.resolve()
  }
  const cache = new CheckedCache(steered.steered, { observe, ...options })
  // The checks themselves keep no process alive.
  const awake = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(awake)
    return cache.close()
  })
  const fail = async (times: number) => {
    for (let n = 0; n < times; n++) await t.throwsAsync(cache.get('a'), unavailable)
  }
  /** Resolves when the cache comes to this state. */
  const comesTo = (state: string) => new Promise<void>((resolve) => void waiting.push({ state, resolve }))
  return { memory, steered, cache, states, fail, comesTo }
}

test('after some failures in a row it is down, and then no call reaches the cache', async (t) => {
  const { steered, cache, states, fail } = bench(t, { maxFailures: 3 })
  steered.out = true
  await fail(2)
  t.is(cache.state, 'up')
  await fail(1)
  t.is(cache.state, 'down')
  t.deepEqual(states, ['down'])
  steered.out = false
  steered.calls.length = 0
  const verbs = [
    () => cache.get('a'),
    () => cache.add('a', entry()),
    () => cache.swap('a', 'v1', entry()),
    () => cache.delete('a'),
    () => cache.delete('a', 'v1'),
    () => cache.ping(),
    () => cache.users?.add('7', 'a', START + HOUR) ?? Promise.resolve(),
    () => cache.users?.remove('7', 'a') ?? Promise.resolve(),
    () => cache.users?.keys('7') ?? Promise.resolve(),
  ]
  for (const verb of verbs) await t.throwsAsync(verb, unavailable)
  t.deepEqual(steered.calls, [])
  t.deepEqual(await steered.steered.users.keys('7'), [])
})

test('a success resets the count', async (t) => {
  const { steered, cache, fail } = bench(t, { maxFailures: 3 })
  for (let n = 0; n < 5; n++) {
    steered.out = true
    await fail(2)
    steered.out = false
    await cache.get('a')
  }
  t.is(cache.state, 'up')
})

test('only timeouts and lost connections count: a conflict, a wrong argument or an error of the server is not a failure', async (t) => {
  const { memory, cache, states } = bench(t, { maxFailures: 1 })
  await cache.add('a', entry())
  t.is(await cache.swap('a', 'other', entry()), 'conflict')
  t.is(await cache.swap('never', 'v1', entry()), 'missing')
  t.is(await cache.delete('never'), 'missing')
  t.false(await cache.add('a', entry()))
  t.is(cache.state, 'up')
  t.deepEqual(states, [])
  for (const error of [
    new RangeError('no such key'),
    new StoreUnavailableError(new Error('OOM'), { answered: true }),
  ]) {
    const strict = new CheckedCache(
      Object.assign(steer<MemoryCache>(memory).steered, { get: () => Promise.reject(error) }),
      { maxFailures: 1 },
    )
    t.teardown(() => strict.close())
    for (let n = 0; n < 3; n++) await t.throwsAsync(strict.get('a'), { is: error })
    t.is(strict.state, 'up')
  }
})

test('an outage of only the users table counts as well', async (t) => {
  const { memory, cache } = bench(t, { maxFailures: 1 })
  await memory.close()
  await t.throwsAsync(async () => await cache.users?.keys('7'), unavailable)
  t.is(cache.state, 'down')
})

test('a ping detects that the cache answers again, although a healthy one is only checked once an hour', async (t) => {
  const { steered, cache, states, fail, comesTo } = bench(t, { maxFailures: 1, checkInterval: 3600 })
  await cache.add('a', entry())
  steered.out = true
  await fail(1)
  steered.out = false
  steered.calls.length = 0
  await comesTo('up')
  t.deepEqual(steered.calls, ['ping'])
  t.deepEqual(states, ['down', 'up'])
  t.is(text(await cache.get('a')), 'body')
})

// Alone, as all timers are the test's.
test.serial('failing pings become less frequent, up to 5 s apart, and frequent again after an answer', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { steered, cache, fail } = bench(t, { maxFailures: 2, checkInterval: 60 })
  const untilPing = async () => {
    steered.calls.length = 0
    for (let waited = 250; ; waited += 250) {
      mock.timers.tick(250)
      await new Promise(setImmediate)
      if (steered.calls.length > 0) return waited
    }
  }
  t.is(await untilPing(), 60_000, 'while it is up')
  steered.out = true
  await fail(2)
  const pauses = []
  while (pauses.length < 7) pauses.push(await untilPing())
  t.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 5000, 5000])
  steered.out = false
  t.is(await untilPing(), 5000)
  t.is(cache.state, 'up')
  t.is(await untilPing(), 60_000)
  steered.out = true
  await fail(2)
  t.is(await untilPing(), 250)
  steered.out = false
})

test('during a ping calls fail at once, and there is no second ping', async (t) => {
  const { steered, cache, fail, comesTo } = bench(t, { maxFailures: 1, checkInterval: 0.01 })
  steered.out = true
  await fail(1)
  steered.out = false
  const goOn = await steered.stopAt('ping')
  t.is(cache.state, 'down')
  steered.calls.length = 0
  await fail(1)
  await t.throwsAsync(cache.ping(), unavailable)
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.deepEqual(steered.calls, [])
  const up = comesTo('up')
  goOn()
  await up
  t.is(await cache.get('a'), undefined)
})

test('a late answer counts as a ping', async (t) => {
  const { steered, cache, states, fail } = bench(t, { maxFailures: 1, checkInterval: 3600 })
  const stopped = steered.stopAt('delete')
  const late = cache.delete('a')
  const goOn = await stopped
  steered.out = true
  await fail(1)
  steered.out = false
  goOn()
  t.is(await late, 'missing')
  t.deepEqual(states, ['down', 'up'])
})

test('a late failure from before the outage neither reports it twice nor ends the pings', async (t) => {
  const { steered, cache, states, fail, comesTo } = bench(t, { maxFailures: 1 })
  const stopped = steered.stopAt('delete')
  const late = t.throwsAsync(cache.delete('a'), unavailable)
  const goOn = await stopped
  steered.out = true
  await fail(1)
  goOn()
  await late
  t.deepEqual(states, ['down'])
  const up = comesTo('up')
  steered.out = false
  await up
  t.is(cache.state, 'up')
})

test('an idle application notices that it is down and up again', async (t) => {
  const { steered, states, comesTo } = bench(t, { maxFailures: 3, checkInterval: 0.01 })
  const down = comesTo('down')
  steered.out = true
  await down
  const up = comesTo('up')
  steered.out = false
  await up
  t.deepEqual(states, ['down', 'up'])
  t.true(steered.calls.length >= 4)
  t.true(steered.calls.every((call) => call === 'ping'))
})

test('a new connection is a reason to ping at once, while it is down', async (t) => {
  const memory = new MemoryCache()
  let connected = () => {}
  const onConnect = (listener: () => void) => {
    connected = listener
  }
  const steered = steer(Object.assign(memory, { onConnect }))
  const cache = new CheckedCache(steered.steered, { maxFailures: 1, checkInterval: 3600 })
  t.teardown(() => cache.close())
  steered.calls.length = 0
  connected()
  t.deepEqual(steered.calls, [], 'it still counts as up')
  steered.out = true
  await t.throwsAsync(cache.get('a'), unavailable)
  connected()
  t.deepEqual(steered.calls, ['get', 'ping'])
  await new Promise(setImmediate)
  t.is(cache.state, 'down', 'a connection is no answer')
  steered.out = false
  connected()
  await new Promise(setImmediate)
  t.is(cache.state, 'up')
})

test('settings out of range are refused', (t) => {
  const memory = new MemoryCache()
  for (const checkInterval of [0, -1, 3601, 2_592_000, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => new CheckedCache(memory, { checkInterval }), { instanceOf: RangeError }, String(checkInterval))
  }
  for (const maxFailures of [0, -1, Number.NaN]) {
    t.throws(() => new CheckedCache(memory, { maxFailures }), { instanceOf: RangeError }, String(maxFailures))
  }
})

test('a closed cache is not pinged', async (t) => {
  const { steered, cache, fail } = bench(t, { maxFailures: 1, checkInterval: 0.01 })
  steered.out = true
  await fail(1)
  const goOn = await steered.stopAt('ping')
  steered.out = false
  await cache.close()
  steered.calls.length = 0
  // The ping that was under way fails, as the cache is closed.
  goOn()
  await new Promise((resolve) => setTimeout(resolve, 400))
  t.deepEqual(steered.calls, [])
})

test('its checks do not keep the process alive, up or down', async (t) => {
  const program = `
    const { CheckedCache } = await import('./src/session/caches/checked.ts')
    const { MemoryCache } = await import('./src/session/caches/memory.ts')
    const idle = new CheckedCache(new MemoryCache(), { checkInterval: 3600 })
    const memory = new MemoryCache()
    const cache = new CheckedCache(memory, { maxFailures: 1 })
    await memory.close()
    await cache.get('a').catch(() => {})
    console.log(idle.state, cache.state)`
  const child = startProcess([TYPESCRIPT, '--input-type=module', '--eval', program])
  t.teardown(() => child.stop('SIGKILL'))
  t.is(await child.ended(), 0, child.output())
  t.regex(child.output(), /^up down$/m)
})

test('a cache that throws at once is down after some failures, and comes back', async (t) => {
  let out = true
  class AtOnce extends MemoryCache {
    override get(key: string) {
      if (out) throw new StoreUnavailableError()
      return super.get(key)
    }
    override ping() {
      if (out) throw new StoreUnavailableError()
      return super.ping()
    }
  }
  let isUp = () => {}
  const comesUp = new Promise<void>((resolve) => {
    isUp = resolve
  })
  const observe = ({ type }: SessionEvent) => void (type === 'cache-up' && isUp())
  const cache = new CheckedCache(new AtOnce({ now: () => START }), { observe, maxFailures: 3 })
  // The checks themselves keep no process alive.
  const awake = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(awake)
    return cache.close()
  })
  for (let n = 0; n < 3; n++) await t.throwsAsync(cache.get('a'), unavailable)
  t.is(cache.state, 'down')
  out = false
  await comesUp
  t.is(await cache.get('a'), undefined)
})
