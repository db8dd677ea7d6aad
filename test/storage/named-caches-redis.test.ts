import { randomUUID } from 'node:crypto'
import test from 'ava'
import { examine } from '../../scripts/sessions/doctor.ts'
import { RedisCache } from '../../src/session/caches/redis/redis.ts'
import cache from '../../src/storage/engines/cache.ts'
import { openNamedCache } from '../../src/storage/open.ts'
import '../../src/storage/formats/sealed.ts'
import { TEST_SECRET } from '../support/app.ts'
import { serviceUrl } from '../support/services.ts'
import { openSite } from '../support/session-site.ts'
import { configOf, refused } from '../support/settings.ts'

const url = serviceUrl('redis')
const { name: SESSION_ENGINE } = cache

test('the cache of the sessions is the named one, or that of CACHE_URL', (t) => {
  const cacheUrlOf = (env: Record<string, string>) => configOf({ NODE_ENV: 'test', SESSION_ENGINE, ...env }).cacheUrl
  const CACHES = 'default=redis://d sessions=redis-cluster://a:1,b:2\n pages=redis-sentinel://c:1,d:2/m '
  t.is(cacheUrlOf({ CACHES, SESSION_CACHE_ALIAS: 'sessions' }), 'redis-cluster://a:1,b:2')
  t.is(cacheUrlOf({ CACHES, SESSION_CACHE_ALIAS: 'pages' }), 'redis-sentinel://c:1,d:2/m')
  t.is(cacheUrlOf({ CACHES }), 'redis://d')
  t.is(cacheUrlOf({ CACHE_URL: 'redis://d', CACHES: 'other=redis://a' }), 'redis://d')
  refused(t, [
    [
      { CACHES, SESSION_CACHE_ALIAS: 'nothing' },
      /^SESSION_CACHE_ALIAS is wrong: CACHES names no "nothing", but default, sessions, pages\.$/,
    ],
    [{ SESSION_CACHE_ALIAS: 'sessions' }, /^SESSION_CACHE_ALIAS is wrong: .* but none\.$/],
    [
      { CACHES: 'sessions=redis://a' },
      /^CACHES is wrong: name one "default", or set SESSION_CACHE_ALIAS to one of sessions\.$/,
    ],
    [{ CACHES: 'default=redis://d default=redis://a' }, /^CACHES is wrong: names "default" twice/],
    [{ CACHES: 'default=http://:secret@a' }, /^CACHES is wrong: must be name=address pairs(?!.*secret)/],
  ])
})

if (url !== undefined) {
  test('doctor asks the cache of the alias, and names a wrong one', async (t) => {
    const env = { NODE_ENV: 'test', SECRET_KEY: TEST_SECRET, SESSION_ENGINE, DATABASE_URL: 'sqlite::memory:' }
    const CACHES = `sessions=${url} gone=redis://127.0.0.1:1`
    const states = async (SESSION_CACHE_ALIAS: string) =>
      (await examine({ ...env, CACHES, SESSION_CACHE_ALIAS }))
        .filter(({ item, message }) => item === 'cache' || message.includes('CACHE'))
        .map(({ state, message, fix }) => `${state}: ${message} ${fix ?? ''}`)
    t.regex(String(await states('sessions')), /^ok: It answers \(redis\)/)
    t.regex(String(await states('gone')), /^fail: It does not answer.*correct CACHES/)
    t.regex(String(await states('wrong')), /^fail: SESSION_CACHE_ALIAS is wrong/)
  })

  test('of several caches on Redis the alias holds the sessions, and the others are open to the application', async (t) => {
    const [sessions, pages] = [new URL(url), new URL(url)]
    sessions.pathname = '/1'
    pages.pathname = '/2'
    const prefix = randomUUID().slice(0, 8)
    const env = {
      NODE_ENV: 'test',
      SECRET_KEY: TEST_SECRET,
      SESSION_ENGINE,
      CACHES: `default=${pages.href} sessions=${sessions.href}`,
      SESSION_CACHE_ALIAS: 'sessions',
      CACHE_KEY_PREFIX: prefix,
      DATABASE_URL: 'sqlite::memory:',
    }
    const site = await openSite(env)
    t.teardown(() => site.close())
    const cookie = (await fetch(`${site.origin}/sign-in?user=7`)).headers.get('set-cookie')?.split(';')[0] ?? ''
    t.deepEqual(await (await fetch(site.origin, { headers: { cookie } })).json(), ['7', null])
    const keysOn = async (address: string) => {
      const opened = new RedisCache({ url: address })
      await opened.connect()
      t.teardown(() => opened.close())
      const found: string[] = []
      for await (const keys of opened.listing.keys(`${prefix}:`)) found.push(...keys)
      return found
    }
    t.true((await keysOn(sessions.href)).length > 0)
    t.deepEqual(await keysOn(pages.href), [])
    const { cache: other, connect } = await openNamedCache(configOf(env), 'default')
    t.teardown(() => other.close())
    await connect()
    t.true(await other.add(`${prefix}:page`, { version: 'v', expires: Date.now() + 60_000, body: Buffer.from('page') }))
    t.deepEqual(await keysOn(pages.href), [`${prefix}:page`])
    await t.throwsAsync(openNamedCache(configOf(env), 'nothing'), { message: /CACHES names no cache "nothing"/ })
  })
}
