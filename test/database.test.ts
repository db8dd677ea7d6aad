import { chmod, copyFile, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test from 'ava'
import createKnex from 'knex'
import { migrate, openDatabase } from '../src/database.ts'
import { projectRoot } from '../src/paths.ts'
import { migratedSqlite } from './support/databases.ts'

// Without shared memory, as on a network drive, SQLite has no write-ahead log, and readers block writers.
test('a transaction whose COMMIT fails on a lock is rolled back, and later statements are committed', async (t) => {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  await knex.raw('PRAGMA journal_mode = DELETE')
  await knex.raw('PRAGMA busy_timeout = 1')
  const filename = url.slice('sqlite:'.length)
  const reader = createKnex({ client: 'sqlite3', connection: { filename }, useNullAsDefault: true })
  t.teardown(async () => void (await Promise.all([knex.destroy(), reader.destroy()])))
  const lease = (name: string) => ({ name, owner: '', expires: 0, finished: 0 })
  await reader.raw('BEGIN')
  await reader('session_leases').select()
  const refused = knex.transaction(async (trx) => void (await trx('session_leases').insert(lease('refused'))))
  await t.throwsAsync(refused, { code: 'SQLITE_BUSY', message: /^COMMIT/ })
  await reader.raw('ROLLBACK')

  await knex('session_leases').insert(lease('first'))
  t.deepEqual(await reader('session_leases').pluck('name'), ['first'])
  await knex.transaction(async (trx) => void (await trx('session_leases').insert(lease('second'))))
  t.deepEqual(await reader('session_leases').orderBy('name').pluck('name'), ['first', 'second'])
})

test('a transaction on a full disk fails because the disk is full, and later ones succeed', async (t) => {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  const pages = (await knex.raw<{ page_count: number }[]>('PRAGMA page_count'))[0]?.page_count ?? 0
  await knex.raw(`PRAGMA max_page_count = ${pages}`)
  const lease = (name: string) => ({ name, owner: 'x'.repeat(200), expires: 0, finished: 0 })
  const refused = knex.transaction(async (trx) => {
    for (let n = 0; n < 1000; n++) await trx('session_leases').insert(lease(`refused${n}`))
  })
  await t.throwsAsync(refused, { code: 'SQLITE_FULL' })
  await knex.raw(`PRAGMA max_page_count = ${pages + 100}`)
  await knex.transaction(async (trx) => void (await trx('session_leases').insert(lease('after'))))
  t.deepEqual(await knex('session_leases').pluck('name'), ['after'])
})

const onPosix = process.platform === 'win32' ? test.skip : test

onPosix('a database is for its owner alone, and a folder that was there keeps its mode', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-modes-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  const modeOf = async (name: string) => (await stat(join(folder, name))).mode & 0o777
  for (const name of ['new', 'old']) {
    if (name === 'old') {
      await writeFile(join(folder, name), '')
      await chmod(join(folder, name), 0o664)
    }
    const knex = openDatabase(`sqlite:${join(folder, name)}`)
    t.teardown(() => knex.destroy())
    await knex.raw('CREATE TABLE one (id INTEGER)')
    for (const suffix of ['', '-wal', '-shm']) t.is(await modeOf(`${name}${suffix}`), 0o600, `${name}${suffix}`)
    await chmod(join(folder, `${name}-wal`), 0o644)
    openDatabase(`sqlite:${join(folder, name)}`)
    t.is(await modeOf(`${name}-wal`), 0o600, 'a journal that was there')
  }
  openDatabase(`sqlite:${folder}`)
  t.is(await modeOf('.'), 0o755)
  openDatabase(`sqlite:${join(folder, 'made', 'database')}`)
  t.is(await modeOf('made'), 0o700)
})

test('a database that was migrated from a single migrations folder has nothing to migrate', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const root = join(projectRoot, 'migrations')
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'))
  for (const file of files) await copyFile(join(root, file), join(folder, basename(file)))
  t.true(files.every((file) => file !== basename(file)))

  const names = files.map((file) => basename(file, '.ts')).sort()
  t.is(new Set(names).size, files.length, 'names are unique over all folders')
  const knex = openDatabase(`sqlite:${join(folder, 'app.sqlite3')}`)
  t.teardown(() => knex.destroy())
  const migrationSource = {
    getMigrations: async () => names,
    getMigrationName: (name: string) => name,
    getMigration: async (name: string) => await import(join(folder, `${name}.ts`)),
  }
  const [, before]: [number, string[]] = await knex.migrate.latest({ migrationSource })
  t.deepEqual(before, names)
  t.deepEqual(await migrate(knex), [])
  const fresh = openDatabase('sqlite::memory:')
  t.teardown(() => fresh.destroy())
  t.deepEqual(
    (await migrate(fresh)).map((file) => basename(file, '.ts')),
    names,
    'in the same order',
  )
})
