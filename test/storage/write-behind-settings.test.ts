import test from 'ava'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { TEST_SECRET } from '../support/app.ts'

const REFUSED = ['memory:', 'memcached://127.0.0.1:1', 'redis-cluster://127.0.0.1:1,127.0.0.1:2'] as const

for (const CACHE_URL of REFUSED) {
  test(`write_behind on ${CACHE_URL} is refused at the start`, async (t) => {
    const settings = { SESSION_ENGINE: 'cached_db', SESSION_CACHE_STRATEGY: 'write_behind', CACHE_URL }
    const config = readConfig({
      NODE_ENV: 'test',
      SECRET_KEY: TEST_SECRET,
      LOG_LEVEL: 'silent',
      DATABASE_URL: 'sqlite::memory:',
      ...settings,
    })
    await t.throwsAsync(openServices(config), {
      message: /^SESSION_CACHE_STRATEGY=write_behind needs one Redis server, with or without Sentinel/,
    })
  })
}

test('write_behind with Sentinel is accepted', async (t) => {
  const settings = { SESSION_ENGINE: 'cached_db', SESSION_CACHE_STRATEGY: 'write_behind' }
  const CACHE_URL = 'redis-sentinel://127.0.0.1:1/main'
  const config = readConfig({
    NODE_ENV: 'test',
    SECRET_KEY: TEST_SECRET,
    LOG_LEVEL: 'silent',
    DATABASE_URL: 'sqlite::memory:',
    ...settings,
    CACHE_URL,
  })
  const services = await openServices(config)
  t.is(services.facts.writesBehind, true)
  await services.close()
})
