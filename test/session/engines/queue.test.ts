import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { KeyedQueue } from '../../../src/session/core/queue.ts'
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
