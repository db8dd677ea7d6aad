import test, { type ExecutionContext } from 'ava'
import createKnex, { type Knex } from 'knex'
import { databaseConfig, migrate, openDatabase } from '../../../src/database.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { isRevoked } from '../../../src/session/engines/cookie/revocation-state.ts'
import { DatabaseRevocations } from '../../../src/session/stores/database/database-revocations.ts'
import { MemoryRevocations, type Revocations } from '../../../src/session/stores/revocations.ts'
import { migratedSqlite, type TestDatabase } from '../../support/databases.ts'
import { DAY, START } from './bench.ts'

interface Bench {
  readonly clock: { now: number }
  readonly revocations: Revocations
  /** As another process sees them. */
  readonly another: Revocations
}

/** What every place that remembers revocations promises. */
function contract(name: string, open: (clock: { now: number }) => Promise<Bench & { close(): Promise<void> }>): void {
  const promise = (title: string, work: (t: ExecutionContext, bench: Bench) => Promise<void>) =>
    test.serial(`${name}: ${title}`, async (t) => {
      const bench = await open({ now: START })
      t.teardown(() => bench.close())
      await work(t, bench)
    })

  promise('without entries: epoch 0, not ended', async (t, { revocations }) => {
    t.deepEqual(await revocations.check('7', 'one'), { epoch: 0, kept: undefined, ended: false, successor: undefined })
  })

  promise('only the ended session is ended', async (t, { revocations, another }) => {
    await revocations.endSession('one', START + DAY)
    await revocations.endSession('one', START + DAY)
    t.deepEqual(await another.check('7', 'one'), { epoch: 0, kept: undefined, ended: true, successor: undefined })
    t.false((await another.check('7', 'ONE')).ended)
    t.false((await another.check('one', '7')).ended)
  })

  promise('a session may end a little later, and a second end can only make it earlier', async (t, bench) => {
    const { revocations, another, clock } = bench
    await revocations.endSession('one', START + DAY, START + 60_000)
    t.false((await another.check('7', 'one')).ended)
    await another.endSession('one', START + DAY, START + 90_000)
    clock.now = START + 60_000
    t.true((await revocations.check('7', 'one')).ended)
    clock.now = START
    await revocations.endSession('one', START + DAY)
    clock.now = START - DAY
    t.true((await another.check('7', 'one')).ended, 'also where the clock is behind')
  })

  promise(
    'the kept session stays valid until the user’s sessions are ended again without it',
    async (t, { revocations }) => {
      const [kept, other] = [
        { id: 'kept.a', epoch: 0 },
        { id: 'other.a', epoch: 0 },
      ]
      await revocations.endUser('7', START + DAY, 'kept')
      const state = await revocations.check('7', kept.id)
      t.false(isRevoked(state, kept))
      t.true(isRevoked(state, other))
      t.true(isRevoked({ ...state, ended: true }, kept), 'ended all the same')
      await revocations.endUser('7', START + DAY, 'other')
      t.true(isRevoked(await revocations.check('7', kept.id), kept))
      await revocations.endUser('7', START + DAY)
      t.true(isRevoked(await revocations.check('7', other.id), other))
    },
  )

  promise(
    'an ended sign-in has its successor, and the first one recorded is kept',
    async (t, { revocations, another }) => {
      await revocations.endSession('one', START + DAY, START + 10, 'two')
      await another.endSession('one', START + DAY, START + 10, 'three')
      const { ended, successor = '' } = await revocations.check('7', 'one')
      t.false(ended)
      t.false((await revocations.check('7', successor)).ended)
      await revocations.endSession(successor, START + DAY)
      t.true((await revocations.check('7', 'two')).ended)
      t.false((await revocations.check('7', 'three')).ended)
      await revocations.endSession('one', START + DAY)
      t.deepEqual(await revocations.check('7', 'one'), { epoch: 0, kept: undefined, ended: true, successor })
    },
  )

  promise('ending a user raises the epoch above what any session has, each time', async (t, bench) => {
    const { revocations, another } = bench
    let { epoch } = await revocations.check('7', 'one')
    for (let time = 0; time < 3; time++) {
      await another.endUser('7', START + DAY)
      const state = await revocations.check('7', 'one')
      t.true(state.epoch > epoch)
      t.true(isRevoked(state, { id: 'one', epoch }))
      t.false(isRevoked(state, { id: 'one', epoch: state.epoch }))
      t.false(state.ended)
      epoch = state.epoch
    }
    t.is((await revocations.check('8', 'one')).epoch, 0)
  })

  promise('of 20 ends at once each takes effect', async (t, { revocations, another }) => {
    const ends = Array.from({ length: 20 }, (_, n) => (n % 2 ? revocations : another).endUser('7', START + DAY))
    await Promise.all(ends)
    t.is((await revocations.check('7', 'one')).epoch, START + 19)
  })

  promise(
    'a clear keeps entries that still refuse a cookie, and a later epoch is above all earlier ones',
    async (t, bench) => {
      const { revocations, clock } = bench
      await revocations.endUser('7', START + DAY)
      await revocations.endUser('7', START + 10)
      await revocations.endSession('one', START + 10)
      await revocations.endSession('two', START + DAY)
      const before = await revocations.check('7', 'one')
      t.is(await revocations.clear(START + 9), 0)
      t.is(await revocations.clear(START + 10), 1)
      t.deepEqual(await revocations.check('7', 'one'), { ...before, ended: false })
      t.is(await revocations.clear(START + DAY), 2)
      t.deepEqual(await revocations.check('7', 'two'), {
        epoch: 0,
        kept: undefined,
        ended: false,
        successor: undefined,
      })
      clock.now = START + 2 * DAY
      await revocations.endUser('7', START + 3 * DAY)
      t.true(
        isRevoked(await revocations.check('7', 'one'), { id: 'one', epoch: before.epoch }),
        'a cookie of the forgotten epoch',
      )
    },
  )
}

/** In the memory of one process. */
export function memoryRevocationsSuite(): void {
  contract('revocations in memory', async (clock) => {
    const revocations = new MemoryRevocations({ now: () => clock.now })
    return { clock, revocations, another: revocations, close: async () => {} }
  })
}

/** In a table, on this kind of database. */
export function databaseRevocationsSuite({ name, fresh }: TestDatabase): void {
  let shared: Promise<{ url: string; drop(): Promise<void> }> | undefined
  const migrated = () => {
    shared ??= fresh().then(async (database) => {
      const knex = createKnex(databaseConfig(database.url))
      await migrate(knex)
      await knex.destroy()
      return database
    })
    return shared
  }
  test.after.always(async () => await (await shared)?.drop())

  async function openTable(clock: { now: number }): Promise<Bench & { knex: Knex; close(): Promise<void> }> {
    const { url } = await migrated()
    const [knex, other] = [createKnex(databaseConfig(url)), createKnex(databaseConfig(url))]
    await knex('session_revocations').delete()
    const on = (own: Knex) => new DatabaseRevocations({ knex: own, now: () => clock.now })
    const close = async () => void (await Promise.all([knex.destroy(), other.destroy()]))
    return { clock, knex, revocations: on(knex), another: on(other), close }
  }

  contract(`revocations on ${name}`, openTable)

  test.serial(`revocations on ${name}: the table reveals neither ids nor users`, async (t) => {
    const { knex, revocations, close } = await openTable({ now: START })
    t.teardown(close)
    await revocations.endSession('secret-id', START + DAY)
    await revocations.endUser('ada@example.org', START + DAY)
    const rows: unknown[] = await knex('session_revocations').select()
    t.is(rows.length, 2)
    t.notRegex(JSON.stringify(rows), /secret-id|ada/)
  })

  test.serial(`revocations on ${name}: what is copied ends more, and never less`, async (t) => {
    const clock = { now: START }
    const { knex: into, close } = await openTable(clock)
    t.teardown(close)
    const from = openDatabase(await migratedSqlite(t))
    t.teardown(() => from.destroy())
    const open = (knex: Knex) => new DatabaseRevocations({ knex, now: () => clock.now })
    const [source, target] = [open(from), open(into)]
    // As a process does that does not know the target yet, after others have written to both.
    for (const table of [target, source]) {
      await table.endUser('7', START + DAY, 'kept')
      await table.endSession('one', START + DAY, START + 60_000)
    }
    const { epoch } = await source.check('7', 'one')
    await source.endUser('7', START + 2 * DAY)
    await source.endSession('one', START + 2 * DAY, START, 'next')
    await target.endUser('8', START + DAY)
    await target.endUser('8', START + DAY, 'kept')
    await source.endUser('8', START + DAY)
    await target.endSession('two', START + DAY, START, 'last')
    await source.endSession('two', START + DAY, START + 60_000)
    const [eight, two] = [await target.check('8', 'two'), await target.check('', 'two')]
    await source.copyTo(target)
    const copied = await target.check('7', 'one')
    t.deepEqual(copied, await source.check('7', 'one'))
    t.true(copied.ended)
    for (const id of ['kept.a', 'other.a']) t.true(isRevoked(await target.check('7', id), { id, epoch }))
    t.deepEqual(await target.check('8', 'two'), eight)
    t.deepEqual(await target.check('', 'two'), two)
    t.is(await target.clear(START + DAY), 2)
  })

  test.serial(`revocations on ${name}: an outage is an error, and neither accepts nor ends a session`, async (t) => {
    const { knex, revocations, close } = await openTable({ now: START })
    t.teardown(close)
    await knex.destroy()
    for (const work of [
      () => revocations.check('7', 'one'),
      () => revocations.endSession('one', START),
      () => revocations.endUser('7', START),
      () => revocations.clear(START),
    ]) {
      await t.throwsAsync(work, { instanceOf: StoreUnavailableError })
    }
  })

  test.serial(`revocations on ${name}: more than one batch is cleared, and a missing table is named`, async (t) => {
    const { knex, close } = await openTable({ now: START })
    t.teardown(close)
    const revocations = new DatabaseRevocations({ knex })
    const rows = Array.from({ length: 2001 }, (_, n) => ({ subject: `s:${n}`, epoch: 1, expires: n }))
    await knex.batchInsert('session_revocations', rows, 200)
    t.is(await revocations.clear(1999), 2000)
    await t.notThrowsAsync(revocations.assertReady())
    await knex.schema.renameTable('session_revocations', 'elsewhere')
    await t.throwsAsync(revocations.assertReady(), { message: /npm run migrate/ })
    await knex.schema.renameTable('elsewhere', 'session_revocations')
  })
}
