import { setImmediate, setTimeout } from 'node:timers/promises'
import test from 'ava'
import { SessionContendedError, StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { KeyedQueue, MAX_QUEUED } from '../../../src/session/core/queue.ts'
import { deferred } from '../../support/handlers.ts'

test('work that waits for a store that is down fails with the first, and later work tries again', async (t) => {
  const queue = new KeyedQueue<string>()
  const outage = deferred()
  let tried = 0
  const save = async () => {
    tried++
    await outage.promise
    throw new StoreUnavailableError()
  }
  const saves = Array.from({ length: 10 }, () => queue.run('key', save))
  const other = queue.run('other', async () => 'of another key')
  outage.resolve()
  const outcomes = await Promise.allSettled(saves)
  t.true(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason instanceof StoreUnavailableError))
  t.is(tried, 1)
  t.is(await other, 'of another key')
  t.is(await queue.run('key', async (latest) => latest ?? 'from the beginning'), 'from the beginning')
})

test('any other failure affects only its own work', async (t) => {
  const queue = new KeyedQueue<string>()
  const failing = queue.run('key', async () => {
    throw new RangeError('too large')
  })
  const next = queue.run('key', async (latest) => latest ?? 'done')
  await t.throwsAsync(failing, { instanceOf: RangeError })
  t.is(await next, 'done')
})

test('work of a key runs in order, one at a time, with the result of the one before; the next after all has none', async (t) => {
  const queue = new KeyedQueue<number>()
  let running = 0
  const work = async (latest = 0) => {
    t.is(++running, 1)
    await setImmediate()
    running--
    return latest + 1
  }
  t.deepEqual(await Promise.all(Array.from({ length: 20 }, () => queue.run('key', work))), sequence(20))
  t.is(await queue.run('key', work), 1)
})

test('work behind 1000 others is refused, and work whose time is over does not begin', async (t) => {
  const queue = new KeyedQueue<number>()
  const gate = deferred()
  const first = queue.run('key', async () => {
    await gate.promise
    return 0
  })
  const late = queue.run('key', async () => t.fail(), performance.now() + 1)
  const others = Array.from({ length: MAX_QUEUED - 1 }, () => queue.run('key', async (latest = -1) => latest + 1))
  await t.throwsAsync(
    queue.run('key', async () => 0),
    { instanceOf: SessionContendedError },
  )
  await setTimeout(5)
  gate.resolve()
  await t.throwsAsync(late, { instanceOf: SessionContendedError })
  t.is(await first, 0)
  t.deepEqual(await Promise.all(others), sequence(MAX_QUEUED - 1))
  t.is(await queue.run('key', async (latest = 7) => latest), 7)
  await t.throwsAsync(
    queue.run('key', async () => t.fail(), performance.now() - 1),
    { instanceOf: SessionContendedError },
    'also behind nobody',
  )
})

test('work that throws instead of rejecting is an error of its own, and the next begins', async (t) => {
  const queue = new KeyedQueue<string>()
  const failing = queue.run('key', () => {
    throw new RangeError('at once')
  })
  const next = queue.run('key', async (latest) => latest ?? 'done')
  await t.throwsAsync(failing, { instanceOf: RangeError })
  t.is(await next, 'done')
})

function sequence(length: number): number[] {
  return Array.from({ length }, (_, index) => index + 1)
}
