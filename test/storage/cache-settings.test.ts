import test from 'ava'
import cache from '../../src/storage/engines/cache.ts'
import '../../src/storage/formats/sealed.ts'
import { configOf, refused } from '../support/settings.ts'

const { name: SESSION_ENGINE } = cache

test('invalid cache settings are reported in one sentence with the variable', (t) => {
  refused(t, [
    [{ CACHE_URL: 'http://cache' }, /^CACHE_URL is wrong: must (be memory:|start with)/],
    [{ CACHE_CHECK_INTERVAL: '0' }, /^CACHE_CHECK_INTERVAL is wrong: must be 1 to 3600 seconds\.$/],
    [{ CACHE_CHECK_INTERVAL: '2592000' }, /^CACHE_CHECK_INTERVAL is wrong: must be 1 to 3600 seconds\.$/],
    [{ CACHE_KEY_PREFIX: 'a b' }, /^CACHE_KEY_PREFIX is wrong/],
  ])
})

test('in production the engine cache needs CACHE_URL, also while sessions migrate', (t) => {
  refused(t, [[{ SESSION_ENGINE }, /^SESSION_ENGINE=cache needs CACHE_URL in production/]])
  refused(t, [[{ SESSION_ENGINE, CACHE_URL: '' }, /^SESSION_ENGINE=cache needs CACHE_URL in production/]])
  t.is(configOf({ NODE_ENV: 'test', SESSION_ENGINE }).cacheUrl, undefined)
})
