import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import createKnex from 'knex'
import { databaseConfig, migrate, openDatabase } from '../../src/database.ts'
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

/** A migrated SQLite file, seeded as well, with the demo users: made once per process. */
export const seeded = once(async () => {
  const { url } = await freshTemplate()
  await copyFile(await migrated(), pathOf(url))
  const knex = openDatabase(url)
  await seed(knex, { demoUsers: true })
  await knex.destroy()
  return pathOf(url)
})

/** One without rows. */
const migrated = once(async () => {
  const { url } = await freshTemplate()
  const knex = openDatabase(url)
  await migrate(knex)
  await knex.destroy()
  return pathOf(url)
})

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

async function freshTemplate() {
  const template = await freshFile()
  process.on('exit', () => rmSync(dirname(pathOf(template.url)), { recursive: true, force: true }))
  return template
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
