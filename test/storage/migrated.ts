import type { ExecutionContext } from 'ava'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { migratedSqlite } from '../support/databases.ts'
import { EXPIRY } from '../support/engine.ts'
import { begun, read } from '../support/requests.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
export const DATA = { _auth_user_id: '7', n: 1 }

/** Opens the engine of these settings for what `work` does with it. */
async function on<T>(
  url: string,
  env: Record<string, string>,
  work: (migrating: Parameters<typeof begun>[0]) => Promise<T>,
): Promise<T> {
  const services = await openServices(
    readConfig({ SECRET_KEY, LOG_LEVEL: 'silent', SESSION_STORE_TIMEOUT: '10000', DATABASE_URL: url, ...env }),
  )
  try {
    const { engine } = services
    return await work({ engine, expiry: EXPIRY, now: Date.now, observe: () => undefined })
  } finally {
    await services.close()
  }
}

/** What is left of a session that was begun on some settings, and is read on others. */
export async function migrated(t: ExecutionContext, from: Record<string, string>, to: Record<string, string>) {
  const url = await migratedSqlite(t)
  const cookie = await on(url, from, (migrating) => begun(migrating, DATA))
  return await on(url, to, (migrating) => read(migrating, cookie))
}
