import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hash } from '@node-rs/argon2'
import createKnex, { type Knex } from 'knex'
import { databaseConfig, migrate, openDatabase } from '../../src/database.ts'
import { demoUsers } from '../../src/demo-users.ts'
import { seed } from '../../src/seed.ts'
import type { Owner } from './project.ts'
import { serviceUrl } from './services.ts'

/** An available kind of database, and how to create an empty one. */
export interface TestDatabase {
  readonly name: string
  fresh(): Promise<{ url: string; drop(): Promise<void> }>
}

/** SQLite always; PostgreSQL and MariaDB where the run has them, otherwise undefined. */
export function testDatabase(name: 'SQLite' | 'PostgreSQL' | 'MariaDB'): TestDatabase | undefined {
  if (name === 'SQLite') return { name, fresh: freshFile }
  const server = serviceUrl(name === 'PostgreSQL' ? 'postgres' : 'mariadb')
  return server === undefined ? undefined : { name, fresh: () => freshOn(server) }
}

/** The address of a migrated SQLite file that the test alone uses. */
export async function migratedSqlite(t: Owner): Promise<string> {
  const { url, drop } = await freshFile()
  t.teardown(drop)
  await fillMigrated(url)
  return url
}

/** Makes an empty SQLite file a migrated one, in a tenth of the time that the migrations take. */
export async function fillMigrated(url: string): Promise<void> {
  await copyFile(await migrated(), pathOf(url))
}

/** A migrated SQLite file, seeded as well, with the demo users. */
export const seeded = (): Promise<string> =>
  template('seeded', async (file) => {
    await copyFile(await migrated(), file)
    const knex = openDatabase(`sqlite:${file}`)
    await seedForTests(knex)
    await knex.destroy()
  })

/** One without rows. */
const migrated = (): Promise<string> =>
  template('migrated', async (file) => {
    const knex = openDatabase(`sqlite:${file}`)
    await migrate(knex)
    await knex.destroy()
  })

const CHEAP = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** Seeds a migrated database, with demo users whose passwords are verified quickly, as the parameters are in the hash. */
export async function seedForTests(knex: Knex): Promise<void> {
  const created = await seed(knex, { demoUsers: true })
  if (!created.some((what) => what.endsWith(' demo users'))) return
  for (const { username, password } of demoUsers) {
    const changed = { password_hash: await hash(password, CHEAP) }
    await knex('users').where({ username_key: username }).update(changed)
  }
}

const templates = new Map<string, Promise<string>>()

/** A file that the first process of a run makes for all others; ava.config.mjs makes the folder. */
async function template(name: string, make: (file: string) => Promise<void>): Promise<string> {
  const folder = process.env['TEST_TEMPLATES']
  if (folder === undefined) throw new Error('TEST_TEMPLATES is missing: ava.config.mjs sets it.')
  const made = templates.get(name) ?? makeOnce(join(folder, `${name}.sqlite3`), make)
  templates.set(name, made)
  return await made
}

async function makeOnce(file: string, make: (file: string) => Promise<void>): Promise<string> {
  if (existsSync(file)) return file
  const partial = `${file}.${process.pid}`
  await make(partial)
  // Whole at once, for the processes that make it at the same time.
  await rename(partial, file)
  return file
}

const pathOf = (url: string) => url.slice('sqlite:'.length)

async function freshFile() {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-db-'))
  return { url: `sqlite:${join(folder, 'test.sqlite3')}`, drop: () => rm(folder, { recursive: true, force: true }) }
}

async function freshOn(server: string) {
  const name = `test_${randomBytes(6).toString('hex')}`
  const run = async (sql: string) => {
    const knex = createKnex({ ...databaseConfig(server), pool: { min: 0, max: 1 } })
    try {
      await knex.raw(sql)
    } finally {
      await knex.destroy()
    }
  }
  const characters = server.startsWith('mysql') ? ' CHARACTER SET utf8mb4' : ''
  await run(`CREATE DATABASE ${name}${characters}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => run(`DROP DATABASE ${name}`) }
}
