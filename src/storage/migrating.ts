import type { Engine } from '../session/engines/engine.ts'
import type { Migratable } from '../session/engines/migrating/migratable.ts'
import { MigratingEngine } from '../session/engines/migrating/migrating.ts'
import { storedMigration } from '../session/engines/migrating/stored-migration.ts'
import { StoredEngine } from '../session/engines/stored.ts'
import { defineSettings, setting, text } from '../settings.ts'
import type { MigrationOf } from './migration-of.ts'
import type { MigrationPart } from './part.ts'

// One line for each engine that stores sessions in cookies; remove it together with the line in index.ts.
const modules = await Promise.all<{ readonly default: MigrationOf }>([
  import('./engines/signed-cookies.migration.ts'),
  import('./engines/hybrid.migration.ts'),
])

const settings = defineSettings({
  SESSION_MOVING_FROM: setting(
    text,
    'While sessions migrate to another engine: the old engine, and its format if that differs, such as db or db,django',
  ),
})

/** Migrates sessions to another engine, one by one, as they are used. */
const migrating: MigrationPart = {
  kind: 'migration',
  name: 'migrating',
  help: 'from one engine to another',
  settings: [settings],
  from: (config) => settings.of(config).SESSION_MOVING_FROM,
  open: (target, source, sharesRecords) => ({
    ...target,
    engine: new MigratingEngine({
      target: migratable(target.engine),
      source: migratable(source.engine),
      sharesRecords,
    }),
    migratingFrom: source,
    ready: async () => void (await Promise.all([target.ready(), source.ready()])),
    async close() {
      // One after the other: when this resolves the database is closed, and neither may still be writing.
      try {
        await target.close()
      } finally {
        await source.close()
      }
    },
  }),
}

/** @throws Error for an engine without a line above */
function migratable(engine: Engine): Migratable {
  if (engine instanceof StoredEngine) return storedMigration(engine)
  for (const { default: migrationOf } of modules) {
    const found = migrationOf(engine)
    if (found !== undefined) return found
  }
  throw new Error(`Sessions cannot migrate to or from ${engine.name}.`)
}

export default migrating
