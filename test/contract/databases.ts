import test from 'ava'
import type { Knex } from 'knex'
import { migrate, openDatabase } from '../../src/database.ts'
import type { Codec } from '../../src/session/codec/codec.ts'
import { DatabaseStore } from '../../src/session/stores/database/database.ts'
import type { TestLayout } from '../storage/layouts.ts'
import { type TestDatabase, testDatabase } from '../support/databases.ts'
import type { Exceptions } from './bench.ts'
import { engineContract } from './contract.ts'
import { storedOn } from './stored.ts'

/** The contract on this kind of database, in this layout, where the run has it. */
export function databaseContract(
  name: Parameters<typeof testDatabase>[0],
  { name: layoutName, layout, table, columns: [column] }: TestLayout,
  exceptions: Exceptions,
  codecOn: (now: () => number) => Codec,
): void {
  const database = testDatabase(name)
  if (database === undefined) return
  let shared: Promise<Awaited<ReturnType<TestDatabase['fresh']>>> | undefined
  test.after.always(async () => await (await shared)?.drop())

  engineContract(`${name}, ${layoutName} layout`, exceptions, async (now) => {
    shared ??= migrated(database)
    const { url } = await shared
    const connections: Knex[] = [openDatabase(url)]
    const [first] = connections
    if (first === undefined) throw new Error('unreachable')
    await first(table).delete()
    return storedOn({
      codec: codecOn(now),
      store() {
        const knex = openDatabase(url)
        connections.push(knex)
        return new DatabaseStore({ knex, table, layout, now })
      },
      record: {
        read: async () => Buffer.from((await first(table).first<Record<string, string>>(column))?.[column] ?? ''),
        // A text column takes text alone, and PostgreSQL no NUL in it.
        write: async (bytes) =>
          void (await first(table).update({ [column]: bytes.toString('latin1').replaceAll('\0', '~') })),
      },
      close: async () => void (await Promise.all(connections.map((knex) => knex.destroy()))),
    })
  })
}

async function migrated(database: TestDatabase) {
  const fresh = await database.fresh()
  const knex = openDatabase(fresh.url)
  await migrate(knex)
  await knex.destroy()
  return fresh
}
