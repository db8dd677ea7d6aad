import { CookieEngine } from '../../session/engines/cookie/cookie.ts'
import { cookieMigration } from '../../session/engines/migrating/cookie-migration.ts'
import type { MigrationOf } from '../migration-of.ts'

const migration: MigrationOf = (engine) => (engine instanceof CookieEngine ? cookieMigration(engine) : undefined)

export default migration
