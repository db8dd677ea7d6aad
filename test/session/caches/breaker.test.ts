import test, { type ExecutionContext } from 'ava'
import { BreakerCache, type BreakerOptions } from '../../../src/session/caches/breaker.ts'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/errors.ts'
import type { SessionEvent } from '../../../src/session/observe/events.ts'
import { steer } from '../../support/caches.ts'
import { startProcess } from '../../support/processes.ts'
import { HOUR, START } from '../stores/bench.ts'
import { entry, text } from './bench.ts'
import { cacheContract } from './contract.ts'

cacheContract('memory behind a breaker', { users: true, damageable: false }, async (now) => {
  const memory = new MemoryCache({ now })
  const cache = new BreakerCache(memory)
  return {
    cache,
    another: async () => new BreakerCache(memory),
    breakIt: () => memory.close(),
    close: () => cache.close(),
  }
})

const unavailable = { instanceOf: StoreUnavailableError }

function bench(t: ExecutionContext, options: BreakerOptions = {}) {
  const memory = new MemoryCache({ now: () => START })
  const steered = steer<MemoryCache>(memory)
  const states: string[] = []
  const waiting: { state: string; resolve: () => void }[] = []
  const observe = (event: SessionEvent) => {
    if (event.type !== 'breaker') return
    states.push(event.state)
    for (const { state, resolve } of waiting) if (state === event.state) resolve()
  }
  const cache = new BreakerCache(steered.steered, { observe, ...options })
  t.teardown(() => cache.close())
  const fail = async (times: number) => {
    for (let n = 0; n < times; n++) await t.throwsAsync(cache.get('a'), unavailable)
  }
  /** Resolves when the breaker comes to this state. */
  const comesTo = (state: string) => new Promise<void>((resolve) => void waiting.push({ state, resolve }))
  return { memory, steered, cache, states, fail, comesTo }
}

test('failures in a row open the breaker, and then no call reaches the cache', async (t) => {
  const { steered, cache, states, fail } = bench(t, { maxFailures: 3 })
  steered.out = true
  await fail(2)
  t.is(cache.state, 'closed')
  await fail(1)
  t.is(cache.state, 'open')
  t.deepEqual(states, ['open'])
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

test('a success in between begins the count anew', async (t) => {
  const { steered, cache, fail } = bench(t, { maxFailures: 3 })
  for (let n = 0; n < 5; n++) {
    steered.out = true
    await fail(2)
    steered.out = false
    await cache.get('a')
  }
  t.is(cache.state, 'closed')
})

test('only outages count: an outcome or a wrong argument is no failure', async (t) => {
  const { memory, cache, states } = bench(t, { maxFailures: 1 })
  await cache.add('a', entry())
  t.is(await cache.swap('a', 'other', entry()), 'conflict')
  t.is(await cache.swap('never', 'v1', entry()), 'missing')
  t.is(await cache.delete('never'), 'missing')
  t.false(await cache.add('a', entry()))
  const strict = new BreakerCache(
    Object.assign(steer<MemoryCache>(memory).steered, { get: () => Promise.reject(new RangeError('no such key')) }),
    { maxFailures: 1 },
  )
  for (let n = 0; n < 3; n++) await t.throwsAsync(strict.get('a'), { instanceOf: RangeError })
  t.is(strict.state, 'closed')
  t.is(cache.state, 'closed')
  t.deepEqual(states, [])
})

test('an outage of the users alone opens it as well', async (t) => {
  const { memory, cache } = bench(t, { maxFailures: 1 })
  await memory.close()
  await t.throwsAsync(async () => await cache.users?.keys('7'), unavailable)
  t.is(cache.state, 'open')
})

test('the probe finds the cache well, and closes the breaker', async (t) => {
  const { steered, cache, states, fail, comesTo } = bench(t, { maxFailures: 1, checkInterval: 0.01 })
  await cache.add('a', entry())
  steered.out = true
  await fail(1)
  steered.out = false
  steered.calls.length = 0
  await comesTo('closed')
  t.deepEqual(steered.calls, ['ping'])
  t.deepEqual(states, ['open', 'half-open', 'closed'])
  t.is(text(await cache.get('a')), 'body')
})

test('a bad probe leaves it open, and is followed by another', async (t) => {
  const { steered, cache, states, fail, comesTo } = bench(t, { maxFailures: 3, checkInterval: 0.01 })
  steered.out = true
  await fail(3)
  // One bad probe is enough to open it again, whatever maxFailures is.
  await comesTo('half-open')
  await comesTo('open')
  await comesTo('half-open')
  await comesTo('open')
  t.is(cache.state, 'open')
  steered.out = false
  await comesTo('closed')
  t.is(states.at(-1), 'closed')
  t.deepEqual(states.slice(0, 5), ['open', 'half-open', 'open', 'half-open', 'open'])
})

test('while the probe is under way, calls fail at once rather than wait for what it finds', async (t) => {
  const { steered, cache, fail, comesTo } = bench(t, { maxFailures: 1, checkInterval: 0.01 })
  steered.out = true
  await fail(1)
  steered.out = false
  const goOn = await steered.stopAt('ping')
  t.is(cache.state, 'half-open')
  steered.calls.length = 0
  await fail(1)
  await t.throwsAsync(cache.ping(), unavailable)
  t.deepEqual(steered.calls, [])
  const closed = comesTo('closed')
  goOn()
  await closed
  t.is(await cache.get('a'), undefined)
})

test('no request is the probe, even where the interval is over', async (t) => {
  const { steered, cache, fail, comesTo } = bench(t, { maxFailures: 1, checkInterval: 0 })
  const closed = comesTo('closed')
  steered.out = true
  await fail(1)
  steered.out = false
  await fail(1)
  await closed
  t.deepEqual(steered.calls, ['get', 'ping'])
  t.is(await cache.get('a'), undefined)
})

test('a failure that comes late, from before the outage, neither opens it twice nor ends the probes', async (t) => {
  const { steered, cache, states, fail, comesTo } = bench(t, { maxFailures: 1, checkInterval: 0.01 })
  const stopped = steered.stopAt('delete')
  const late = t.throwsAsync(cache.delete('a'), unavailable)
  const goOn = await stopped
  steered.out = true
  await fail(1)
  goOn()
  await late
  t.deepEqual(states, ['open'])
  const closed = comesTo('closed')
  steered.out = false
  await closed
  t.is(cache.state, 'closed')
})

test('a breaker that was closed for good probes no more', async (t) => {
  const { steered, cache, fail } = bench(t, { maxFailures: 1, checkInterval: 0.01 })
  steered.out = true
  await fail(1)
  const goOn = await steered.stopAt('ping')
  steered.out = false
  await cache.close()
  steered.calls.length = 0
  // The probe that was under way fails, as the cache is closed.
  goOn()
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.deepEqual(steered.calls, [])
})

test('an open breaker keeps no process alive', async (t) => {
  const program = `
    const { BreakerCache } = await import('./src/session/caches/breaker.ts')
    const { MemoryCache } = await import('./src/session/caches/memory.ts')
    const memory = new MemoryCache()
    const cache = new BreakerCache(memory, { maxFailures: 1, checkInterval: 3600 })
    await memory.close()
    await cache.get('a').catch(() => {})
    console.log(cache.state)`
  const child = startProcess([...process.execArgv, '--input-type=module', '--eval', program])
  t.teardown(() => child.stop('SIGKILL'))
  t.is(await child.ended(), 0, child.output())
  t.regex(child.output(), /^open$/m)
})
