import test from 'ava'
import redis from '../src/storage/caches/redis.ts'
import cache from '../src/storage/engines/cache.ts'
import cachedDb from '../src/storage/engines/cached-db.ts'
import { TEST_SECRET } from './support/app.ts'
import { migratedSqlite } from './support/databases.ts'
import { eventually } from './support/eventually.ts'
import { outageSuite, shareSuite } from './support/outages.ts'
import { RedisServers } from './support/redis-servers.ts'
import { serviceUrl } from './support/services.ts'
import { openSite } from './support/session-site.ts'

const program = serviceUrl('redisServer')

if (program !== undefined) {
  outageSuite({
    name: redis.name,
    start: (t, port) => new RedisServers(t, program).start([], port),
    url: (port) => `redis://127.0.0.1:${port}`,
  })
  shareSuite({
    name: redis.name,
    async start(t) {
      const servers = await new RedisServers(t, program).cluster()
      // None is replaced while it is silent.
      for (const server of servers) await server.command('CONFIG', 'SET', 'cluster-node-timeout', '60000')
      return { servers, url: `redis-cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}` }
    },
  })

  for (const [name, engine] of Object.entries({
    cache: { SESSION_ENGINE: cache.name },
    cached_db: { SESSION_ENGINE: cachedDb.name },
    write_behind: { SESSION_ENGINE: cachedDb.name, SESSION_CACHE_STRATEGY: 'write_behind' },
  })) {
    test.serial(
      `${name} on a full Redis: sessions can be read and ended, and the server does not count as down`,
      async (t) => {
        const server = await new RedisServers(t, program).start()
        const site = await openSite({
          SECRET_KEY: TEST_SECRET,
          CACHE_URL: `redis://127.0.0.1:${server.port}`,
          DATABASE_URL: await migratedSqlite(t),
          ...engine,
        })
        t.teardown(() => site.close())
        const ask = async (path: string, cookie = '') => {
          const answer = await fetch(site.origin + path, { headers: { cookie } })
          const [set = cookie] = answer.headers.getSetCookie()
          return { status: answer.status, text: await answer.text(), cookie: set.split(';', 1)[0] ?? '' }
        }
        const { cookie } = await ask('/sign-in?user=7')
        t.is((await ask('/change?word=before', cookie)).status, 200)
        await server.command('CONFIG', 'SET', 'maxmemory', '1')
        const change = await ask('/change?word=after', cookie)
        // The database takes it, if it is asked first.
        t.is(change.status, name === 'cached_db' ? 200 : 503)
        const word = change.status === 200 ? 'after' : 'before'
        for (let n = 0; n < 10; n++) t.like(await ask('/read', cookie), { status: 200, text: `["7","${word}"]` })
        t.is(site.services.cache?.state, 'up')
        if (name === 'write_behind') {
          const saved = await eventually(
            () => ask('/change?word=later', cookie),
            ({ status }) => status === 200,
          )
          t.is(saved.text, '["7","later"]', 'by the database')
        }
        t.is((await ask('/end', cookie)).status, 200)
        t.is((await ask('/read', cookie)).text, '[null,null]')
      },
    )
  }
}
