import { setTimeout as pause } from 'node:timers/promises'
import test from 'ava'
import createKnex from 'knex'
import { databaseConfig, migrate, openDatabase } from '../../../src/database.ts'
import { isOutage } from '../../../src/session/core/error-codes.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { LAYOUTS } from '../../storage/layouts.ts'
import type { TestDatabase } from '../../support/databases.ts'
import { EVERYTHING, HOUR, record, START } from './bench.ts'
import { storeContract } from './contract.ts'
import { tcpProxy } from './tcp-proxy.ts'

/** The contract on each layout, and what concerns this kind of database alone. */
export function databaseSuite({ name, fresh }: TestDatabase): void {
  let shared: Promise<Awaited<ReturnType<TestDatabase['fresh']>>> | undefined
  const migrated = () => {
    shared ??= fresh().then(async (database) => {
      const knex = open(database.url)
      await migrate(knex)
      await knex.destroy()
      return database
    })
    return shared
  }
  test.after.always(async () => await (await shared)?.drop())

  for (const { name: layoutName, layout, table, keepsMetadata } of LAYOUTS) {
    const traits = { ...EVERYTHING, keepsMetadata, canTellOrphans: keepsMetadata, knowsUsers: keepsMetadata }
    storeContract(`database on ${name}, ${layoutName} layout`, traits, async (now) => {
      const { url } = await migrated()
      const way = await wayTo(url)
      const knex = open(way.url)
      await knex(table).delete()
      const others = [knex]
      const on = (own: typeof knex) => new DatabaseStore({ knex: own, table, layout, usersTable: 'users', now })
      return {
        store: on(knex),
        another: async () => {
          const other = open(url)
          others.push(other)
          return on(other)
        },
        breakIt: async () => (way.proxy ? way.proxy.cut() : await knex.destroy()),
        async close() {
          await Promise.all(others.map((other) => other.destroy()))
          way.proxy?.close()
        },
      }
    })
  }

  test.serial(`${name}: recently active sessions, the latest first`, async (t) => {
    const { url } = await migrated()
    const knex = open(url)
    t.teardown(() => knex.destroy())
    await knex('sessions').delete()
    const store = new DatabaseStore({ knex, table: 'sessions', now: () => START })
    await store.create('old', record({ lastActivity: START - HOUR }))
    await store.create('older', record({ lastActivity: START - HOUR - 1 }))
    await store.create('expired', record({ expires: START }))
    await store.create('anonymous', record({ userId: null, lastActivity: START - 2 }))
    await store.create('new', record({ lastActivity: START - 1 }))
    t.deepEqual(await store.recentKeys({ activeSince: START - HOUR }, 10), ['new', 'anonymous', 'old'])
    t.deepEqual(await store.recentKeys({ activeSince: START - HOUR }, 2), ['new', 'anonymous'])
    t.deepEqual(await store.recentKeys({ activeSince: START - HOUR, authenticated: true }, 2), ['new', 'old'])
    await store.create('large', record({ data: 'ä'.repeat(50) }))
    t.deepEqual(await store.recentKeys({ activeSince: START - HOUR, maxBytes: 99 }, 2), ['new', 'anonymous'])
    t.deepEqual(
      await store.recentKeys({ activeSince: START - HOUR, maxBytes: 100 }, 1),
      ['large'],
      'bytes, not letters',
    )
  })

  test.serial(`${name}: of many changes of the epoch at once one is made, and every connection reads it`, async (t) => {
    const { url } = await migrated()
    const [knex, other] = [open(url), open(url)]
    t.teardown(() => Promise.all([knex.destroy(), other.destroy()]))
    const stores = [knex, other].map((own) => new DatabaseStore({ knex: own, table: 'sessions' }))
    for (const from of ['', 'e1']) {
      const to = from === '' ? 'e1' : 'E1'
      const changes = stores.flatMap(({ epochs }) =>
        Array.from({ length: 5 }, () => epochs.changeEpoch(from, { epoch: to, server: 'a cache' })),
      )
      t.is((await Promise.all(changes)).filter((done) => done).length, 1)
      for (const { epochs } of stores) t.deepEqual(await epochs.readEpoch(), { epoch: to, server: 'a cache' })
    }
    const elsewhere = new DatabaseStore({ knex, table: 'elsewhere' })
    t.false(await elsewhere.epochs.changeEpoch('E1', { epoch: 'e2', server: '' }), 'of another table')
    t.is((await elsewhere.epochs.readEpoch()).server, '')
  })

  test.serial(`${name}: a row of the epoch that was deleted comes back as another one, with no cache`, async (t) => {
    const { url } = await migrated()
    const knex = open(url)
    t.teardown(() => knex.destroy())
    const { epochs } = new DatabaseStore({ knex, table: 'copied' })
    const found = new Set<string>()
    for (let n = 0; n < 2; n++) {
      await knex('session_epochs').where({ name: 'copied' }).delete()
      const rows = await Promise.all(Array.from({ length: 5 }, () => epochs.readEpoch()))
      for (const row of rows) t.deepEqual(row, { epoch: rows[0]?.epoch ?? '', server: '' })
      found.add(rows[0]?.epoch ?? '')
      t.true(await epochs.changeEpoch(rows[0]?.epoch ?? '', { epoch: 'e1', server: 'a cache' }))
    }
    t.is(found.size, 2)
    t.false(found.has(''), 'as if nothing was ever copied')
    await epochs.suspend()
    const { epoch, server } = await epochs.readEpoch()
    t.not(epoch, 'e1')
    t.is(server, '')
    await epochs.suspend()
    t.is((await epochs.readEpoch()).epoch, epoch)
  })

  test.serial(`${name}: every migration can be rolled back and run again`, async (t) => {
    const { url, drop } = await fresh()
    const knex = open(url)
    t.teardown(async () => {
      await knex.destroy()
      await drop()
    })
    const all = await migrate(knex)
    t.true(all.length >= 6)
    t.deepEqual(await migrate(knex), [])
    await knex.migrate.rollback(undefined, true)
    t.false(await knex.schema.hasTable('sessions'))
    t.deepEqual(await migrate(knex), all)
  })

  test.serial(`${name}: a missing table throws an error with the fix`, async (t) => {
    const { url } = await migrated()
    const knex = open(url)
    t.teardown(() => knex.destroy())
    const store = (table: string) => new DatabaseStore({ knex, table })
    await t.throwsAsync(store('not_there').assertReady(), { message: /npm run migrate/ })
    await t.throwsAsync(store('users').assertReady(), { message: /npm run migrate/ })
    await t.notThrowsAsync(store('sessions').assertReady())
  })

  test.serial(`${name}: the indexes for commands and pages exist`, async (t) => {
    const { url } = await migrated()
    const knex = open(url)
    t.teardown(() => knex.destroy())
    // Making an index of a name that is there fails, whatever the database.
    for (const index of ['expires', 'last_activity', 'user_expires', 'address_expires']) {
      const again = knex.schema.alterTable('sessions', (table) => void table.index(['version'], `sessions_${index}`))
      await t.throwsAsync(again, undefined, index)
    }
  })

  test.serial(`${name}: orphaned sessions are those of deleted users only`, async (t) => {
    const { url } = await migrated()
    const knex = open(url)
    t.teardown(() => knex.destroy())
    await knex('sessions').delete()
    const ada = { username: 'ada', username_key: 'ada', email: '', full_name: '', password_hash: '', created_at: START }
    await knex('users').insert({ ...ada, id: 41 })
    const now = () => START
    const store = new DatabaseStore({ knex, table: 'sessions', usersTable: 'users', now })
    await store.create('hers', record({ userId: '41' }))
    await store.create('orphan', record({ userId: '42' }))
    t.is(await store.clearBatch({ kind: 'orphaned' }, 10), 1)
    t.not(await store.load('hers'), undefined)
    t.is(await store.load('orphan'), undefined)
  })

  test.serial(
    `${name}: a state replaces only one that it was made from, and only under the epoch it names`,
    async (t) => {
      const { url } = await migrated()
      const knex = open(url)
      t.teardown(() => knex.destroy())
      await knex('sessions').delete()
      const clock = { now: START }
      const store = new DatabaseStore({ knex, table: 'sessions', now: () => clock.now })
      const { epoch } = await store.epochs.readEpoch()
      const live = { live: true }
      const over = (from: number[], version: number, data: string) => ({ from, version, record: record({ data }) })
      t.is(await store.saveOver('none', over([1], 2 ** 30, 'x'), epoch, live), 'missing')
      await store.create('a', record({ data: '0' }))
      t.is(await store.saveOver('a', over([2, 3], 2 ** 30, 'stranger'), epoch, live), 'conflict')
      t.is(await store.saveOver('a', over([1], 2 ** 30, 'late'), 'another epoch', live), 'conflict')
      t.is(await store.saveOver('a', over([7, 1, 8], 2 ** 31 - 1, '1'), epoch, live), 'done')
      t.like(await store.load('a'), { data: '1', version: 2 ** 31 - 1 })
      t.is(await store.saveOver('a', over([1], 2 ** 31 - 1, '1'), epoch, live), 'done', 'it has it already')
      t.is(await store.saveOver('a', over([1], 2 ** 30, 'older'), epoch, live), 'conflict')
      // Two at the same time, of which each would replace the same state.
      const outcomes = await Promise.all(
        [5, 6].map((n) => store.saveOver('a', over([2 ** 31 - 1], 2 ** 30 + n, String(n)), epoch, live)),
      )
      t.deepEqual(outcomes.sort(), ['conflict', 'done'])
      const { version = 0 } = (await store.load('a')) ?? {}
      clock.now = START + 2 * HOUR
      t.is(await store.saveOver('a', over([Number(version)], 2 ** 30, 'late'), epoch, live), 'missing')
      t.is(await store.saveOver('a', over([Number(version)], 2 ** 30, 'accepted'), epoch, { live: false }), 'done')
      await store.delete('a')
      t.is(await store.saveOver('a', over([2 ** 30], 2 ** 30 + 1, 'ended'), epoch, { live: false }), 'missing')
    },
  )

  test.serial(
    `${name}: a clear names the keys before it deletes them, and keeps what was touched meanwhile`,
    async (t) => {
      const { url } = await migrated()
      const knex = open(url)
      t.teardown(() => knex.destroy())
      await knex('sessions').delete()
      const store = new DatabaseStore({ knex, table: 'sessions', now: () => START })
      const versions = await Promise.all(
        ['a', 'b'].map((key) => store.create(key, record({ lastActivity: START - HOUR }))),
      )
      await store.create('c', record({}))
      const cleared = await store.clearBatch({ kind: 'inactive', before: START }, 10, async (keys) => {
        t.deepEqual([...keys].sort(), ['a', 'b'])
        t.not(await store.load('a'), undefined)
        await store.touch('b', versions[1] ?? '', { expires: START + HOUR, lastActivity: START })
      })
      t.is(cleared, 1)
      t.is(await store.load('a'), undefined)
      for (const key of ['b', 'c']) t.not(await store.load(key), undefined)
    },
  )

  if (name === 'SQLite') return

  test.serial(
    `${name}: the epoch that a statement names cannot change before the statement has taken effect`,
    async (t) => {
      const { url } = await migrated()
      const knex = open(url)
      t.teardown(() => knex.destroy())
      await knex('sessions').delete()
      const store = new DatabaseStore({ knex, table: 'sessions', now: () => START })
      await store.create('a', record({ data: '0' }))
      const { epoch } = await store.epochs.readEpoch()
      const blocking = await knex.transaction()
      await blocking('sessions').where('session_key', 'a').forUpdate()
      const order: string[] = []
      const to = { from: [1], version: 2 ** 30, record: record({ data: '1' }) }
      const saving = store.saveOver('a', to, epoch, { live: true }).then((outcome) => order.push(outcome))
      const isWaiting =
        name === 'PostgreSQL'
          ? "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%sessions%'"
          : "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
      const rows = async () => JSON.stringify(await knex.raw(isWaiting))
      // MariaDB answers from a cache unless the last reading is 100 ms old.
      while (!/"(1|\?column\?)":1/.test(await rows())) {
        t.deepEqual(order, [], 'it waits')
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      const changing = store.epochs.changeEpoch(epoch, { epoch: `${epoch}x`.slice(-12), server: 'some' })
      const changed = changing.then(() => order.push('changed'))
      // Until it waits as well, or did not have to.
      await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 300))])
      t.deepEqual(order, [], 'both wait')
      await blocking.commit()
      await Promise.all([saving, changed])
      t.deepEqual(order.sort(), ['changed', 'done'])
    },
  )

  test.serial(`${name}: a connection that does not answer times out and is replaced`, async (t) => {
    const { url } = await migrated()
    const { url: silentUrl, proxy } = await wayTo(url)
    const knex = open(silentUrl)
    t.teardown(async () => {
      await knex.destroy()
      proxy?.close()
    })
    await knex('sessions').delete()
    const store = new DatabaseStore({ knex, table: 'sessions', timeout: 200, now: () => START })
    await store.create('mine', record({ data: 'mine' }))
    await store.create('other', record({ data: 'other' }))
    await store.load('mine')
    proxy?.silence()
    await t.throwsAsync(store.load('mine'), { instanceOf: StoreUnavailableError })
    t.is((await store.load('other'))?.data, 'other')
  })

  test.serial(
    `${name}: the server ends what no request waits for any more, and a clean-up may take longer`,
    async (t) => {
      const { url } = await migrated()
      const [knex, other] = [openDatabase(url, 200), open(url)]
      t.teardown(() => Promise.all([knex.destroy(), other.destroy()]))
      await other('sessions').delete()
      const store = new DatabaseStore({ knex, table: 'sessions', timeout: 200, now: () => START })
      await store.create('expired', record({ expires: START + 1 }))
      const holder = await other.transaction()
      await holder('sessions').where({ session_key: 'expired' }).forUpdate()
      await t.throwsAsync(store.delete('expired'), { instanceOf: StoreUnavailableError })
      const refused = await t.throwsAsync(Promise.resolve(knex('sessions').delete()))
      t.true(isOutage(refused))
      const cleared = store.clearBatch({ kind: 'expired', before: START + 1 }, 10)
      // Longer than the timeout of requests; shorter than a second, which is the shortest wait for a lock on MySQL.
      await pause(500)
      await holder.rollback()
      t.is(await cleared, 1, 'nothing else has deleted it')
    },
  )

  test.serial(`${name}: a server that was killed is unavailable, and nothing is lost after its restart`, async (t) => {
    const { url } = await migrated()
    const { url: brittleUrl, proxy } = await wayTo(url)
    const knex = open(brittleUrl)
    t.teardown(async () => {
      await knex.destroy()
      proxy?.close()
    })
    await knex('sessions').delete()
    const store = new DatabaseStore({ knex, table: 'sessions', now: () => START })
    const version = await store.create('a', record({ data: 'first' }))
    proxy?.cut()
    await t.throwsAsync(store.save('a', version, record({ data: 'second' })), { instanceOf: StoreUnavailableError })
    await t.throwsAsync(store.assertReady(), { instanceOf: StoreUnavailableError })
    proxy?.repair()
    t.is((await store.load('a'))?.data, 'first')
    t.is((await store.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  })
}

/** Knex would print each of the outages that these tests make. */
function open(url: string) {
  const log = { warn() {}, error() {} }
  return createKnex({ ...databaseConfig(url), log })
}

/** The same address through a proxy that a test can cut; a file has no way that could be cut. */
async function wayTo(url: string) {
  if (url.startsWith('sqlite:')) return { url, proxy: undefined }
  const through = new URL(url)
  const proxy = await tcpProxy(through.hostname, Number(through.port))
  through.hostname = '127.0.0.1'
  through.port = String(proxy.port)
  return { url: through.href, proxy }
}
