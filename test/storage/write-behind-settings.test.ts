import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { TEST_SECRET } from '../support/app.ts'
import { testOn } from './present.ts'

const REFUSED = ['memory:', 'memcached://127.0.0.1:1', 'redis-cluster://127.0.0.1:1,127.0.0.1:2'] as const
const SENTINEL = 'redis-sentinel://127.0.0.1:1/main'

const settingsOn = (CACHE_URL: string) => ({
  SESSION_ENGINE: 'cached_db',
  SESSION_CACHE_STRATEGY: 'write_behind',
  CACHE_URL,
})

const configOn = (url: string) =>
  readConfig({
    NODE_ENV: 'test',
    SECRET_KEY: TEST_SECRET,
    LOG_LEVEL: 'silent',
    DATABASE_URL: 'sqlite::memory:',
    ...settingsOn(url),
  })

for (const url of REFUSED) {
  testOn(settingsOn(url))(`write_behind on ${url} is refused at the start`, async (t) => {
    await t.throwsAsync(openServices(configOn(url)), {
      message: /^SESSION_CACHE_STRATEGY=write_behind needs one Redis server, with or without Sentinel/,
    })
  })
}

testOn(settingsOn(SENTINEL))('write_behind with Sentinel is accepted', async (t) => {
  const services = await openServices(configOn(SENTINEL))
  t.is(services.facts.writesBehind, true)
  await services.close()
})
