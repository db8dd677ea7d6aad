import { HybridEngine } from '../../../src/session/engines/hybrid/hybrid.ts'
import { hybridMigration } from '../../../src/session/engines/migrating/hybrid-migration.ts'
import { EXPIRY } from '../../support/engine.ts'
import { codecIn, type MigratableEngine, type Storage, storedIn } from '../../support/migratable.ts'

const at =
  ({ store, revocations, now }: Storage) =>
  () => {
    const [codec, stored] = [codecIn(now, { tier: 'hybrid' }), storedIn(store, now)]
    return hybridMigration(new HybridEngine({ codec, stored, revocations, expiry: EXPIRY, limit: 600, now }))
  }

export default [
  { name: 'hybrid, in the cookie', at, server: false },
  { name: 'hybrid, in a record', at, server: true, filler: 700 },
] satisfies MigratableEngine[]
