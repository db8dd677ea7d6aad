import test from 'ava'
import { isPossible } from '../storage/present.ts'
import { serviceUrl } from '../support/services.ts'
import { noCrossTalk } from './cross-talk.ts'

const url = serviceUrl('memcached')

for (const engine of url === undefined ? [] : ['cache', 'cached_db']) {
  const env = { SESSION_ENGINE: engine, CACHE_URL: url ?? '', CACHE_KEY_PREFIX: `talk-${process.pid}-${engine}` }
  if (isPossible(env)) {
    test.serial(
      `${engine} on Memcached: overlapping requests, many of them cut off, get no page of somebody else`,
      async (t) => {
        await noCrossTalk(t, env)
      },
    )
  }
}
