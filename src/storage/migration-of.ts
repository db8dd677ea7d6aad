import type { Engine } from '../session/engines/engine.ts'
import type { Migratable } from '../session/engines/migrating/migratable.ts'

/** How an engine's sessions migrate; undefined for another engine. */
export type MigrationOf = (engine: Engine) => Migratable | undefined
