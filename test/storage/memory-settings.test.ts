import test from 'ava'
import memory from '../../src/storage/caches/memory.ts'
import cache from '../../src/storage/engines/cache.ts'
import '../../src/storage/formats/sealed.ts'
import { configOf } from '../support/settings.ts'

test('CACHE_URL=memory: is accepted in production', (t) => {
  const { cacheUrl } = configOf({ SESSION_ENGINE: cache.name, CACHE_URL: memory.defaultAddress ?? '' })
  t.is(cacheUrl, 'memory:')
})
