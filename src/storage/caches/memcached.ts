import { z } from 'zod'
import { StoreUnavailableError } from '../../session/core/errors.ts'
import { cacheSettings } from '../cached.ts'
import { type Finding, fail, ok, warn } from '../finding.ts'
import { defineCache } from '../part.ts'
import { messageOf } from '../records.ts'

const figures = z.object({ server: z.string(), up: z.boolean(), evictions: z.number().default(0) })

/** Memcached, on any number of servers. */
export default defineCache({
  name: 'memcached',
  help: 'memcached://h1:p,h2:p',
  settings: [cacheSettings],
  address: /^memcached:\/\//,
  schemes: 'memcached://',
  place: 'on Memcached',
  inProcess: false,
  choices: () => import('./memcached.choices.ts'),
  async open(url, config) {
    const { CACHE_CONNECT_TIMEOUT: connectTimeout, CACHE_COMMAND_TIMEOUT: commandTimeout } = cacheSettings.of(config)
    const { MemcachedCache } = await import('../../session/caches/memcached/memcached.ts')
    const cache = new MemcachedCache({ servers: url, connectTimeout, commandTimeout })
    return {
      cache,
      connect: () =>
        cache.ping().catch((error: unknown) => {
          const cause = error instanceof StoreUnavailableError ? error.cause : error
          throw new Error(`${messageOf(cause)}. Start it, or change CACHE_URL.`)
        }),
    }
  },
  examine(server, { onlyRecords }) {
    const { data } = figures.safeParse(server)
    return data === undefined ? [] : [finding(data, onlyRecords)]
  },
})

function finding({ server, up, evictions }: z.infer<typeof figures>, onlyRecords: boolean): Finding {
  const where = `memcached at ${server}`
  if (!up) return warn('cache', `${where} does not answer.`, 'Start it, or take it out of CACHE_URL')
  if (!onlyRecords) return ok('eviction', `${where} may evict copies: the database has every session.`)
  if (evictions > 0) {
    const message = `${where} has evicted ${evictions} entries since its start: sessions among them are lost.`
    return fail('eviction', message, 'Start it with more memory (-m), or SESSION_ENGINE=cached_db')
  }
  const message = `${where} has evicted nothing yet, and will, when it is full.`
  return warn('eviction', message, 'SESSION_ENGINE=cached_db, or CACHE_FALLBACK=db')
}
