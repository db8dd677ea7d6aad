import test from 'ava'
import memory from '../../src/storage/caches/memory.ts'
import cache from '../../src/storage/engines/cache.ts'
import { configOf } from '../support/settings.ts'

test('who names the memory of one process in production gets it', (t) => {
  const { cacheUrl } = configOf({ SESSION_ENGINE: cache.name, CACHE_URL: memory.defaultAddress ?? '' })
  t.is(cacheUrl, 'memory:')
})
