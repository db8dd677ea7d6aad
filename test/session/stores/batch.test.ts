import { setImmediate as settled } from 'node:timers/promises'
import test from 'ava'
import { Batch, type BatchOptions } from '../../../src/session/stores/database/batch.ts'

const LOCKED = new Error('the storage is locked')
const REFUSED = new Error('an item is refused')

interface Round {
  readonly items: readonly string[]
  answer(): void
  fail(error: Error): void
}

/** A batch of texts, whose answers are the texts in capitals when the test says so. */
function open(options: Partial<BatchOptions<string, string>> = {}) {
  const rounds: Round[] = []
  const batch = new Batch<string, string>({
    maxItems: 100,
    ask: (take) =>
      new Promise((resolve, reject) => {
        rounds.push({ items: take(), answer: () => resolve((item) => item.toUpperCase()), fail: reject })
      }),
    ...options,
  })
  const outcomes = new Map<string, string>()
  const run = (...items: string[]) => {
    for (const item of items) {
      batch.run(item).then(
        (answer) => outcomes.set(item, answer),
        (error: Error) => outcomes.set(item, error.message),
      )
    }
  }
  /** What was asked in the latest round, once everything that can happen has happened. */
  const latest = async () => {
    await settled()
    const round = rounds.at(-1)
    if (round === undefined) throw new Error('nothing was asked')
    return round
  }
  const asked = () => rounds.map(({ items }) => items.join(' '))
  return { batch, run, outcomes, latest, asked }
}

test('the first item is sent at once, the others together as soon as it is answered', async (t) => {
  const { run, outcomes, latest, asked } = open()
  run('a', 'b', 'c')
  t.deepEqual(asked(), ['a'])
  run('d')
  const first = await latest()
  t.deepEqual(asked(), ['a'])
  first.answer()
  const second = await latest()
  t.deepEqual(asked(), ['a', 'b c d'])
  t.deepEqual([...outcomes], [['a', 'A']])
  second.answer()
  await settled()
  t.is([...outcomes].join(' '), 'a,A b,B c,C d,D')
})

test('when idle again, the next item is sent at once', async (t) => {
  const { run, latest, asked } = open()
  run('a')
  ;(await latest()).answer()
  await latest()
  run('b')
  t.deepEqual(asked(), ['a', 'b'])
})

test('an item that arrives during a request is not part of it', async (t) => {
  const { run, latest, asked } = open()
  run('a')
  const first = await latest()
  run('a')
  first.answer()
  await latest()
  t.deepEqual(asked(), ['a', 'a'])
})

test('a late take includes all items that have arrived', async (t) => {
  const way = { open: () => {} }
  const asked: string[] = []
  const batch = new Batch<string, string>({
    maxItems: 100,
    async ask(take) {
      await new Promise<void>((resolve) => {
        way.open = resolve
      })
      asked.push(take().join(' '))
      return (item) => item
    },
  })
  const answers = [batch.run('a'), batch.run('b')]
  await settled()
  answers.push(batch.run('c'))
  way.open()
  t.deepEqual(await Promise.all(answers), ['a', 'b', 'c'])
  t.deepEqual(asked, ['a b c'])
})

test('a second take, as after a deadlock, returns the same items', async (t) => {
  const asked: string[] = []
  const batch: Batch<string, string> = new Batch({
    maxItems: 100,
    async ask(take) {
      asked.push(take().join(' '))
      if (asked.length === 1) later.push(batch.run('b'))
      asked.push(take().join(' '))
      return (item) => item
    },
  })
  const later: Promise<string>[] = []
  t.is(await batch.run('a'), 'a')
  t.deepEqual(await Promise.all(later), ['b'])
  t.deepEqual(asked, ['a', 'a', 'b', 'b'])
})

test('items with one key are sent in separate requests, in order, without holding up others', async (t) => {
  const { run, latest, asked } = open({ key: (item) => item.charAt(0) })
  run('x', 'a1', 'a2', 'b1', 'a3', 'b2', 'c1')
  for (let round = 0; round < 4; round++) (await latest()).answer()
  t.deepEqual(asked(), ['x', 'a1 b1 c1', 'a2 b2', 'a3'])
})

test('a request has at most maxItems items', async (t) => {
  const { run, latest, asked } = open({ maxItems: 2 })
  run('a', 'b', 'c', 'd', 'e', 'f')
  for (let round = 0; round < 4; round++) (await latest()).answer()
  t.deepEqual(asked(), ['a', 'b c', 'd e', 'f'])
})

test('a failure rejects all items of the request, and none that wait for the next', async (t) => {
  const { run, outcomes, latest } = open({ isItemError: (error) => error === REFUSED })
  run('x', 'a', 'b')
  ;(await latest()).answer()
  const second = await latest()
  run('c')
  second.fail(LOCKED)
  ;(await latest()).answer()
  await settled()
  t.is([...outcomes].join(' '), `x,X a,${LOCKED.message} b,${LOCKED.message} c,C`)
})

test('if one item caused the error, each is sent separately, and only that one fails', async (t) => {
  const { run, outcomes, latest, asked } = open({ isItemError: (error) => error === REFUSED })
  run('x', 'a', 'bad', 'c')
  ;(await latest()).answer()
  ;(await latest()).fail(REFUSED)
  ;(await latest()).answer()
  ;(await latest()).fail(REFUSED)
  run('d')
  ;(await latest()).answer()
  ;(await latest()).answer()
  await settled()
  t.deepEqual(asked(), ['x', 'a bad c', 'a', 'bad', 'c', 'd'])
  t.is([...outcomes].join(' '), `x,X a,A bad,${REFUSED.message} c,C d,D`)
})

test('an item that failed on its own is not sent again', async (t) => {
  const { run, outcomes, latest, asked } = open({ isItemError: () => true })
  run('bad')
  ;(await latest()).fail(REFUSED)
  await settled()
  t.deepEqual(asked(), ['bad'])
  t.is(outcomes.get('bad'), REFUSED.message)
})

test('without a connection all waiting items fail at once, and the next one tries again', async (t) => {
  let reachable = false
  const batch = new Batch<string, string>({
    maxItems: 1,
    async ask(take) {
      await settled()
      if (!reachable) throw LOCKED
      take()
      return (item) => item
    },
  })
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((item) => batch.run(item)))
  t.true(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason === LOCKED))
  reachable = true
  t.is(await batch.run('d'), 'd')
})
