import test from 'ava'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { Throttle } from '../../src/web/throttle.ts'
import { migratedSqlite } from '../support/databases.ts'
import { serve } from '../support/koa.ts'

const OLD = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-the-old-one'
const NEW = 'Zt8w2MvN5qX1rJ7yL4bD9sF3hK6cG0pE-the-new-one'
const LIMIT = { max: 8, seconds: 3600 }

test('while the secret is replaced step by step no counter starts at 0', async (t) => {
  const DATABASE_URL = await migratedSqlite(t)
  /** Attempts at a process with these secrets; returns their status codes. */
  const attempts = async (SECRET_KEY: string, SECRET_KEY_FALLBACKS: string, count: number) => {
    const env = { NODE_ENV: 'test', LOG_LEVEL: 'silent', DATABASE_URL, SECRET_KEY, SECRET_KEY_FALLBACKS }
    const services = await openServices(readConfig(env))
    const throttle = new Throttle(services)
    const site = await serve(async (ctx) => {
      ctx.log = services.log
      await throttle.attempt(ctx, 'tried', ctx.query['key'] ? { ...LIMIT, key: 'a key' } : LIMIT)
      ctx.body = 'ok'
    })
    const statuses: number[] = []
    for (const path of ['/', '/?key=1'])
      for (let n = 0; n < count; n++) statuses.push((await fetch(site.origin + path)).status)
    site.close()
    await services.close()
    return [...new Set(statuses)]
  }
  t.deepEqual(await attempts(OLD, '', 2), [200])
  t.deepEqual(await attempts(OLD, NEW, 2), [200])
  // In neighbouring steps, and both count.
  t.deepEqual(await attempts(NEW, OLD, 2), [200])
  t.deepEqual(await attempts(OLD, NEW, 2), [200])
  for (const secrets of [
    [OLD, NEW],
    [NEW, OLD],
    [OLD, ''],
  ] as const)
    t.deepEqual(await attempts(secrets[0], secrets[1], 1), [429])
  // What was counted before the step in which the new secret is known is not under it: two of eight.
  t.deepEqual(await attempts(NEW, '', 2), [200])
  t.deepEqual(await attempts(NEW, '', 1), [429])
})
