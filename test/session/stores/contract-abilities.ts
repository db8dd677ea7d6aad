import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { derivedSessionId } from '../../../src/session/core/key.ts'
import {
  canClear,
  hasStatistics,
  knowsRecent,
  knowsUsers,
  NotSupportedError,
  type SessionRecord,
} from '../../../src/session/stores/store.ts'
import { DAY, HOUR, type Register, record, START, type Traits } from './bench.ts'

/** What a store promises that can clear, knows users or counts; and that it claims none of it falsely. */
export function abilityContract(on: Register, traits: Traits): void {
  on('unsupported operations are absent or throw with a reason', async (t, { store }) => {
    t.is(canClear(store), traits.clears)
    t.is(hasStatistics(store), traits.counts)
    if (traits.knowsUsers) return void t.true(knowsUsers(store))
    if (!knowsUsers(store)) return
    await t.throwsAsync(store.listByUser('7'), { instanceOf: NotSupportedError })
    await t.throwsAsync(store.endByUser('7'), { instanceOf: NotSupportedError })
  })

  if (traits.keepsMetadata) forwardContract(on, traits)
  if (traits.clears) clearingContract(on, traits)
  if (traits.knowsUsers) userContract(on)
  if (traits.counts) statisticsContract(on, traits)
}

function clearingContract(on: Register, traits: Traits): void {
  on('clear deletes expired records in batches and keeps live ones', async (t, { store }, clock) => {
    if (!canClear(store)) return t.fail('this store cannot clear')
    for (let n = 0; n < 7; n++) await store.create(`old${n}`, record({ expires: START + n + 1 }))
    await store.create('live', record({ expires: START + DAY }))
    clock.now = START + HOUR
    const expired = { kind: 'expired', before: clock.now } as const
    t.is(await store.countClearable(expired), 7)
    t.is(await store.clearBatch(expired, 3), 3)
    t.is(await store.clearBatch(expired, 100), 4)
    t.is(await store.clearBatch(expired, 100), 0)
    t.is((await store.load('live'))?.data, 'data')
  })

  on('expired records are exactly those that no load finds', async (t, { store }) => {
    if (!canClear(store)) return t.fail('this store cannot clear')
    await store.create('a', record({ expires: START + HOUR }))
    t.is(await store.clearBatch({ kind: 'expired', before: START + HOUR - 1 }, 10), 0)
    t.is(await store.clearBatch({ kind: 'expired', before: START + HOUR }, 10), 1)
  })

  on(
    '200 races of a touch with a clear: a touched record is kept, and a cleared one was not touched',
    async (t, bench) => {
      const [toucher, clearer] = [await bench.another(), await bench.another()]
      if (!canClear(clearer)) return t.fail('this store cannot clear')
      // Ten keys to each clear, which may have to walk a whole folder.
      for (let round = 0; round < 20; round++) {
        const keys = Array.from({ length: 10 }, (_, n) => `race${round * 10 + n}`)
        const versions = await Promise.all(keys.map((key) => bench.store.create(key, record({ expires: START + 1 }))))
        const touch = (key: string, n: number) =>
          toucher.touch(key, versions[n] ?? '', { expires: START + HOUR, lastActivity: START })
        const clear = () => clearer.clearBatch({ kind: 'expired', before: START + 1 }, 100)
        const [outcomes, cleared] = await Promise.all([Promise.all(keys.map(touch)), clear()])
        t.is(cleared, outcomes.filter((outcome) => outcome === 'missing').length, `round ${round}`)
        t.true(
          outcomes.every((outcome) => outcome === 'done' || outcome === 'missing'),
          `round ${round}`,
        )
        for (const [n, key] of keys.entries()) {
          t.is((await bench.store.load(key)) !== undefined, outcomes[n] === 'done', key)
        }
      }
    },
  )

  on('clearing storage that does not answer is unavailable, not done', async (t, { store, breakIt }) => {
    if (!canClear(store)) return t.fail('this store cannot clear')
    const expired = { kind: 'expired', before: START } as const
    await breakIt()
    await t.throwsAsync(store.countClearable(expired), { instanceOf: StoreUnavailableError })
    await t.throwsAsync(store.clearBatch(expired, 10), { instanceOf: StoreUnavailableError })
  })

  on('clear by age, inactivity and user', async (t, { store }) => {
    if (!canClear(store)) return t.fail('this store cannot clear')
    const created = { kind: 'created', before: START - DAY } as const
    if (!traits.keepsMetadata) {
      await t.throwsAsync(store.clearBatch(created, 10), { instanceOf: NotSupportedError })
      return
    }
    await store.create('old', record({ createdAt: START - 2 * DAY }))
    await store.create('idle', record({ lastActivity: START - 2 * DAY }))
    await store.create('hers', record({ userId: '8' }))
    t.is(await store.clearBatch(created, 10), 1)
    t.is(await store.load('old'), undefined)
    t.is(await store.clearBatch({ kind: 'inactive', before: START - DAY }, 10), 1)
    t.is(await store.clearBatch({ kind: 'user', userId: '8' }, 10), 1)
    t.is(await store.clearBatch({ kind: 'user', userId: "8' OR '1'='1" }, 10), 0)
  })

  on('clear of orphaned sessions', async (t, { store }) => {
    if (!canClear(store)) return t.fail('this store cannot clear')
    const orphaned = { kind: 'orphaned' } as const
    if (!traits.canTellOrphans) {
      await t.throwsAsync(store.countClearable(orphaned), { instanceOf: NotSupportedError })
      return
    }
    await store.create('anonymous', record({ userId: null }))
    await store.create('orphan', record({ userId: '123456' }))
    t.is(await store.countClearable(orphaned), 1)
    t.is(await store.clearBatch(orphaned, 10), 1)
    t.not(await store.load('anonymous'), undefined)
  })
}

function userContract(on: Register): void {
  on('the users of storage that does not answer are unavailable, not unknown', async (t, { store, breakIt }) => {
    if (!knowsUsers(store)) return t.fail('this store knows no users')
    await breakIt()
    await t.throwsAsync(store.listByUser('7'), { instanceOf: StoreUnavailableError })
    await t.throwsAsync(store.endByUser('7'), { instanceOf: StoreUnavailableError })
  })

  on('the sessions of a user are listed and ended', async (t, { store }, clock) => {
    if (!knowsUsers(store)) return t.fail('this store knows no users')
    await store.create('first', record({ lastActivity: START }))
    await store.create('second', record({ lastActivity: START + 1, sessionId: 'public' }))
    await store.create('expired', record({ expires: START + 1 }))
    await store.create('hers', record({ userId: '8' }))
    clock.now = START + 2
    const listed = await store.listByUser('7')
    t.deepEqual(
      listed.map(({ key }) => key),
      ['second', 'first'],
    )
    t.is(listed[0]?.ipAddress, '192.0.2.1')
    t.is(listed[0]?.userAgent, 'Browser')
    clock.now = START
    t.is((await store.listByUser('7')).length, 3)
    clock.now = START + 1
    t.is((await store.listByUser('7')).length, 2, 'expired at this very instant')
    clock.now = START
    t.deepEqual(new Set(listed.map(({ id }) => id)), new Set(['public', derivedSessionId('first')]))
    t.is(await store.endByUser('7', 'public'), 2)
    t.is(await store.load('first'), undefined)
    t.not(await store.load('second'), undefined)
    t.not(await store.load('hers'), undefined)
    t.is(await store.endByUser('7'), 1)
    t.is(await store.load('second'), undefined)
    t.is(await store.endByUser('7'), 0)
  })

  on('ids of users are exact, and have up to 64 characters', async (t, { store }) => {
    if (!knowsUsers(store)) return t.fail('this store knows no users')
    const ids = ['Ada', 'ada', 'ada ', 'adá', '💥'.repeat(64), `${'x'.repeat(63)}1`, `${'x'.repeat(63)}2`]
    for (const [n, userId] of ids.entries()) await store.create(`of${n}`, record({ userId }))
    for (const [n, userId] of ids.entries()) {
      t.deepEqual(
        (await store.listByUser(userId)).map(({ key }) => key),
        [`of${n}`],
      )
      t.is((await store.load(`of${n}`))?.userId, userId)
    }
    for (const userId of ids) {
      if (canClear(store)) t.is(await store.countClearable({ kind: 'user', userId }), 1)
      t.is(await store.endByUser(userId), 1)
    }
  })
}

function forwardContract(on: Register, traits: Traits): void {
  const forward = (changes: Partial<SessionRecord> = {}) => record({ userId: null, sessionId: '', ...changes })

  on('a record becomes a forward, which is neither listed nor counted', async (t, { store }, clock) => {
    const version = await store.create('old', record({ sessionId: 'public', data: 'x'.repeat(99) }))
    await store.create('new', record({ sessionId: 'public' }))
    t.is((await store.save('old', version, forward({ data: 'x'.repeat(200) }))).outcome, 'saved')
    t.is((await store.load('old'))?.sessionId, '')
    if (traits.knowsUsers && knowsUsers(store)) {
      t.deepEqual(
        (await store.listByUser('7')).map(({ key }) => key),
        ['new'],
      )
      t.is(await store.endByUser('7', 'public'), 0)
    }
    if (hasStatistics(store)) {
      const { total, live, expired, authenticated, largest } = await store.statistics()
      t.deepEqual([total, live, expired, authenticated, largest.length], [1, 1, 0, 1, 1])
    }
    if (knowsRecent(store)) t.deepEqual(await store.recentKeys({ activeSince: 0 }, 10), ['new'])
    if (!canClear(store)) return
    t.is(await store.countClearable({ kind: 'created', before: START + DAY }), 1)
    t.is(await store.countClearable({ kind: 'inactive', before: START + DAY }), 1)
    if (traits.canTellOrphans) t.is(await store.countClearable({ kind: 'orphaned' }), 1)
    clock.now = START + HOUR
    t.is(await store.clearBatch({ kind: 'expired', before: clock.now }, 10), 2, 'but it is cleared')
  })

  on('an older record is kept by the id derived from its key', async (t, { store }) => {
    if (!traits.knowsUsers || !knowsUsers(store)) return void t.pass()
    for (const key of ['mine', 'his', 'hers']) await store.create(key, record({}))
    t.is(await store.endByUser('7', derivedSessionId('his')), 2)
    t.deepEqual(
      (await store.listByUser('7')).map(({ key }) => key),
      ['his'],
    )
  })
}

function statisticsContract(on: Register, traits: Traits): void {
  on('counting storage that does not answer is unavailable, not empty', async (t, { store, breakIt }) => {
    if (!hasStatistics(store)) return t.fail('this store cannot be counted')
    await breakIt()
    await t.throwsAsync(store.statistics(), { instanceOf: StoreUnavailableError })
  })

  on('statistics count the records', async (t, { store }, clock) => {
    if (!hasStatistics(store)) return t.fail('this store cannot be counted')
    await store.create('new', record({ data: 'x'.repeat(100), expires: START + 99 * DAY }))
    await store.create('week', record({ createdAt: START - 3 * DAY, userId: null, expires: START + 99 * DAY }))
    await store.create('old', record({ createdAt: START - 30 * DAY, expires: START + 99 * DAY }))
    await store.create('expired', record({ expires: START + 1 }))
    clock.now = START + HOUR
    const statistics = await store.statistics()
    t.is(statistics.total, 4)
    t.is(statistics.live, 3)
    t.is(statistics.expired, 1)
    t.is(statistics.largest[0]?.bytes, 100)
    t.is(statistics.authenticated, traits.keepsMetadata ? 2 : 0)
    t.deepEqual(
      statistics.ages,
      traits.keepsMetadata ? { underDay: 1, underWeek: 1, overWeek: 1 } : { underDay: 0, underWeek: 0, overWeek: 0 },
    )
  })

  on('the 10 largest come first, measured in bytes, without the expired', async (t, { store }, clock) => {
    if (!hasStatistics(store)) return t.fail('this store cannot be counted')
    for (let n = 1; n <= 12; n++) await store.create(`a${n}`, record({ data: 'x'.repeat(n), expires: START + DAY }))
    await store.create('wide', record({ data: '💥'.repeat(5), expires: START + DAY }))
    await store.create('expired', record({ data: 'x'.repeat(99) }))
    clock.now = START + HOUR
    const { largest } = await store.statistics()
    t.deepEqual(
      largest.map(({ bytes }) => bytes),
      [20, 12, 11, 10, 9, 8, 7, 6, 5, 4],
    )
    t.like(largest[0], traits.keepsMetadata ? { userId: '7', createdAt: START } : { userId: null, createdAt: 0 })
  })
}
