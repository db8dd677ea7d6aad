import test from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { PreparedStatements } from '../../../src/session/stores/database/database-statements.ts'
import { migratedSqlite } from '../../support/databases.ts'

const INSERT = 'INSERT INTO session_leases (name, owner, expires, finished) VALUES (?, ?, 0, 0)'
const LOCKED: readonly [kind: string, sql: string][] = [
  ['a change', 'UPDATE session_leases SET owner = ? WHERE name = ?'],
  ['a change that returns rows', 'UPDATE session_leases SET owner = ? WHERE name = ? RETURNING name'],
]

for (const [kind, sql] of LOCKED) {
  test(`${kind} that failed on a lock leaves no transaction open: later writes are committed when they are answered`, async (t) => {
    const url = await migratedSqlite(t)
    const [knex, other] = [openDatabase(url), openDatabase(url)]
    t.teardown(async () => void (await Promise.all([knex.destroy(), other.destroy()])))
    await Promise.all([knex.raw('PRAGMA busy_timeout = 1'), other.raw('PRAGMA busy_timeout = 1')])
    const statements = new PreparedStatements(knex, 1000)
    await other.raw('BEGIN EXCLUSIVE')
    await t.throwsAsync(statements.run(sql, ['owner', 'first']), { code: 'SQLITE_BUSY' })
    await other.raw('ROLLBACK')

    await statements.run(INSERT, ['first', ''])
    t.deepEqual(await other('session_leases').pluck('name'), ['first'], 'another connection sees it')
    await t.notThrowsAsync(other('session_leases').insert({ name: 'second', owner: '', expires: 0, finished: 0 }))
    await statements.run(sql, ['owner', 'first'])
    await t.throwsAsync(statements.run(INSERT, ['second', '']), { code: 'SQLITE_CONSTRAINT' })
    t.deepEqual(await other('session_leases').orderBy('name').pluck('owner'), ['owner', ''])
  })
}
