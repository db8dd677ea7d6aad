import type { Engine } from '../session/engines/engine.ts'
import type { Migratable } from '../session/engines/migrating/migratable.ts'

/** Returns how sessions of this engine migrate; undefined for any other engine. */
export type MigrationOf = (engine: Engine) => Migratable | undefined
