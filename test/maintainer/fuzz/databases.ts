import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { LAYOUTS } from '../../storage/layouts.ts'
import type { TestDatabase } from '../../support/databases.ts'
import { fuzz } from './fuzz.ts'

/** Each layout of a database, each through two pools of connections. */
export function fuzzDatabase({ name, fresh }: TestDatabase): void {
  for (const { name: layoutName, layout, table, keepsMetadata } of LAYOUTS) {
    fuzz(`database on ${name}, ${layoutName} layout`, { keepsMetadata, knowsUsers: keepsMetadata }, async (now) => {
      const { url, drop } = await fresh()
      const pools = [openDatabase(url), openDatabase(url)] as const
      await migrate(pools[0])
      const on = (knex: (typeof pools)[number]) => new DatabaseStore({ knex, table, layout, now })
      return {
        stores: [on(pools[0]), on(pools[1])],
        async close() {
          await Promise.all(pools.map((pool) => pool.destroy()))
          await drop()
        },
      }
    })
  }
}
