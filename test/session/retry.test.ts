import { MessageChannel } from 'node:worker_threads'
import test from 'ava'
import { SessionContendedError } from '../../src/session/core/errors.ts'
import { retry, retryOnError } from '../../src/session/core/retry.ts'
import { TimeoutError, withTimeout } from '../../src/session/core/timeout.ts'

test('attempts are numbered and continue until one returns a value, including false and null', async (t) => {
  for (const result of ['done', false, null, 0]) {
    const attempts: number[] = []
    const work = async (attempt: number) => {
      attempts.push(attempt)
      return attempt < 4 ? undefined : result
    }
    t.is(await retry(work), result)
    t.deepEqual(attempts, [1, 2, 3, 4])
  }
})

test('after the last attempt it throws SessionContendedError, and an error ends it at once', async (t) => {
  let attempts = 0
  await t.throwsAsync(
    retry(async () => void attempts++, 3),
    { instanceOf: SessionContendedError },
  )
  t.is(attempts, 3)
  const failing = async () => {
    attempts++
    throw new RangeError('broken')
  }
  await t.throwsAsync(retry(failing, 3), { instanceOf: RangeError })
  t.is(attempts, 4)
})

test('only transient errors are retried, and the last one is thrown', async (t) => {
  const passing = (error: unknown) => error instanceof RangeError
  const failing = (attempts: number[], last: number) => async (attempt: number) => {
    attempts.push(attempt)
    if (attempt < last) throw new RangeError(`attempt ${attempt}`)
  }
  const [enough, tooFew, other]: [number[], number[], number[]] = [[], [], []]
  t.is(await retryOnError(passing, failing(enough, 3), 3), undefined)
  t.deepEqual(enough, [1, 2, 3])
  await t.throwsAsync(retryOnError(passing, failing(tooFew, 9), 3), { instanceOf: RangeError, message: 'attempt 3' })
  t.deepEqual(tooFew, [1, 2, 3])
  await t.throwsAsync(
    retryOnError(() => false, failing(other, 9), 3),
    { message: 'attempt 1' },
  )
})

test('no answer is a timeout; an answer or error in time is passed on', async (t) => {
  const error = await t.throwsAsync(withTimeout(new Promise(() => {}), 1), { instanceOf: TimeoutError })
  t.is(error?.message, 'There was no answer within 1 ms')
  t.is(await withTimeout(Promise.resolve('here'), 10_000), 'here')
  await t.throwsAsync(withTimeout(Promise.reject(new RangeError('broken')), 10_000), { instanceOf: RangeError })
})

test('an answer that arrived while the process was busy is not a timeout', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  const answer = new Promise<unknown>((resolve) => port1.once('message', resolve))
  const waiting = withTimeout(answer, 1)
  port2.postMessage('here')
  const busyUntil = performance.now() + 20
  while (performance.now() < busyUntil);
  t.is(await waiting, 'here')
})
