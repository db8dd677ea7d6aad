import test from 'ava'
import { cleanUp, clearingLease } from '../src/cleanup.ts'
import { readConfig } from '../src/config.ts'
import { openServices } from '../src/services.ts'
import { DatabaseRevocations } from '../src/session/stores/database/database-revocations.ts'
import cookies from '../src/storage/engines/signed-cookies.ts'
import { migratedSqlite } from './support/databases.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA'
const HOUR = 3_600_000

test('revocations are cleared also for an engine without a store', async (t) => {
  const settings = {
    SECRET_KEY,
    LOG_LEVEL: 'silent',
    SESSION_STORE_TIMEOUT: '10000',
    DATABASE_URL: await migratedSqlite(t),
  }
  const services = await openServices(readConfig({ ...settings, SESSION_ENGINE: cookies.name }))
  t.teardown(() => services.close())
  const revocations = new DatabaseRevocations({ knex: services.sessionKnex })
  await revocations.endSession('old', Date.now() - 1)
  await revocations.endSession('recent', Date.now() + HOUR)
  const round = await cleanUp(services, clearingLease(services, 'expired'))
  t.deepEqual(round, { outcome: 'done', sessions: 0, revocations: 1 })
})
