import { HybridEngine } from '../../session/engines/hybrid/hybrid.ts'
import { hybridMigration } from '../../session/engines/migrating/hybrid-migration.ts'
import type { MigrationOf } from '../migration-of.ts'

const migration: MigrationOf = (engine) => (engine instanceof HybridEngine ? hybridMigration(engine) : undefined)

export default migration
