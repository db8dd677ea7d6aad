import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { formats } from '../../../src/storage/index.ts'
import { type MigratableEngine, storedIn } from '../../support/migratable.ts'

export default formats.map((format) => ({
  name: `db, ${format.name}`,
  at:
    ({ store, now }) =>
    () =>
      storedMigration(storedIn(store, now, format)),
  server: true,
})) satisfies MigratableEngine[]
