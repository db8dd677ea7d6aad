import type { Knex } from 'knex'
import { databaseAddress } from '../database-address.ts'
import type { Engine } from '../session/engines/engine.ts'
import type { Migratable } from '../session/engines/migrating/migratable.ts'
import { MigratingEngine } from '../session/engines/migrating/migrating.ts'
import { MigratingRevocations } from '../session/engines/migrating/revocations.ts'
import { storedMigration } from '../session/engines/migrating/stored-migration.ts'
import { StoredEngine } from '../session/engines/stored.ts'
import { DatabaseRevocations } from '../session/stores/database/database-revocations.ts'
import { ConfigError, defineSettings, setting, text, unlessEmpty } from '../settings.ts'
import type { MigrationOf } from './migration-of.ts'
import type { MigrationPart } from './part.ts'

// One line for each engine that stores sessions in cookies; remove it together with the line in index.ts.
const modules = await Promise.all<{ readonly default: MigrationOf }>([
  import('./engines/signed-cookies.migration.ts'),
  import('./engines/hybrid.migration.ts'),
])

const settings = defineSettings({
  SESSION_MOVING_TO: setting(
    text,
    'Before sessions migrate to another engine: the new engine, and its format if that differs, such as db or db,django;\n' +
      'sessions are found in both, and none migrates. See "Migrating sessions" in docs/sessions.md',
  ),
  SESSION_MOVING_FROM: setting(text, 'While they migrate: the old engine, and its format if that differs'),
  SESSION_MOVING_DATABASE_URL: setting(
    unlessEmpty(databaseAddress.optional()),
    'The database of the engine that these name; empty: that of sessions',
  ),
})

/** Migrates sessions to another engine or database, one by one, as they are used. */
const migrating: MigrationPart = {
  kind: 'migration',
  name: 'migrating',
  help: 'from one engine to another',
  settings: [settings],
  step(config) {
    const {
      SESSION_MOVING_TO: to,
      SESSION_MOVING_FROM: from,
      SESSION_MOVING_DATABASE_URL: databaseUrl,
    } = settings.of(config)
    if (to !== undefined && from !== undefined)
      throw new ConfigError('SESSION_MOVING_TO and SESSION_MOVING_FROM are different steps: set one of them.')
    const other = from ?? to
    if (other !== undefined) return { moves: from !== undefined, other, databaseUrl }
    if (databaseUrl === undefined) return undefined
    throw new ConfigError('SESSION_MOVING_DATABASE_URL has no effect without SESSION_MOVING_TO or SESSION_MOVING_FROM.')
  },
  revocations({ source, target, moves, timeout }) {
    const open = (knex: Knex) => new DatabaseRevocations({ knex, timeout })
    return new MigratingRevocations({ source: open(source), target: open(target), moves })
  },
  open(current, other, { moves, sharesRecords }) {
    const [target, source] = moves ? [current, other] : [other, current]
    const sides = { target: migratable(target.engine), source: migratable(source.engine) }
    return {
      ...current,
      engine: new MigratingEngine({ ...sides, moves, sharesRecords }),
      migrating: { moves, other },
      ready: async () => void (await Promise.all([current.ready(), other.ready()])),
      async close() {
        // One after the other: when this resolves the database is closed, and neither may still be writing.
        try {
          await current.close()
        } finally {
          await other.close()
        }
      },
    }
  },
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
