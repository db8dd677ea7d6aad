import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import type { TestDatabase } from '../../support/databases.ts'
import { fuzz } from './fuzz.ts'

const LAYOUTS = [
  { layout: 'own', table: 'sessions', keepsMetadata: true, knowsUsers: true },
  { layout: 'django', table: 'django_session', keepsMetadata: false, knowsUsers: false },
] as const

/** Both layouts of a database, each through two pools of connections. */
export function fuzzDatabase({ name, fresh }: TestDatabase): void {
  for (const { layout, table, ...traits } of LAYOUTS) {
    fuzz(`database on ${name}, ${layout} layout`, traits, async (now) => {
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
