import { z } from 'zod'
import { defineSettings, setting } from '../../settings.ts'
import { cacheSettings } from '../cached.ts'
import { clockFinding, type Finding, fail, ok, warn } from '../finding.ts'
import { defineCache } from '../part.ts'

const settings = defineSettings({
  CACHE_LOCAL_ENTRIES: setting(
    z.coerce.number().int().min(0).max(1_000_000).default(0),
    'Max entries cached in this process, which Redis invalidates when they change; 0: none',
  ),
})

const figures = z.object({
  address: z.string(),
  maxMemory: z.number(),
  evictionPolicy: z.string(),
  evicted: z.number(),
  time: z.number(),
})

/** One Redis server, a cluster, or servers with Sentinel. */
export default defineCache({
  name: 'redis',
  help: 'redis://[user:password@]host:port[/db], redis-cluster://h1:p,h2:p or redis-sentinel://h1:p,h2:p/name (rediss… for TLS)',
  settings: [cacheSettings, settings],
  address: /^rediss?(-cluster|-sentinel)?:\/\//,
  schemes: 'redis://, redis-cluster://, redis-sentinel:// (rediss… for TLS)',
  place: 'on Redis',
  inProcess: false,
  choices: () => import('./redis.choices.ts'),
  async open(url, config) {
    const values = cacheSettings.of(config)
    // Imported here, so that other caches do not load the package.
    const { RedisCache } = await import('../../session/caches/redis/redis.ts')
    const cache = new RedisCache({
      url,
      connectTimeout: values.CACHE_CONNECT_TIMEOUT,
      commandTimeout: values.CACHE_COMMAND_TIMEOUT,
      healthCheckInterval: values.CACHE_CHECK_INTERVAL,
      localEntries: settings.of(config).CACHE_LOCAL_ENTRIES,
      indexPrefix: `${values.CACHE_KEY_PREFIX}:${values.CACHE_VERSION}:user:`,
    })
    return { cache, connect: () => cache.connect() }
  },
  async examine(server, { onlyRecords }) {
    const { data } = figures.safeParse(server)
    if (data === undefined) return []
    const clock = await clockFinding('clocks', `Redis at ${data.address}`, async () => data.time)
    return [evictionFinding(data, onlyRecords), clock]
  },
})

function evictionFinding(server: z.infer<typeof figures>, onlyRecords: boolean): Finding {
  const { address, maxMemory, evictionPolicy, evicted } = server
  const where = `Redis at ${address}`
  if (!onlyRecords) {
    return ok('eviction', `${where} may evict copies (${evictionPolicy}): the database has every session.`)
  }
  const fix = 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf'
  if (evicted > 0) {
    const message = `${where} has evicted ${evicted} keys since its start: sessions among them are lost.`
    return fail('eviction', message, fix)
  }
  if (evictionPolicy === 'noeviction') return ok('eviction', `${where} evicts nothing (noeviction).`)
  const message = `${where} has maxmemory-policy ${evictionPolicy}`
  if (evictionPolicy === 'volatile-ttl') {
    return warn('eviction', `${message}: when memory is full, the sessions that expire first end early.`, fix)
  }
  if (maxMemory === 0) return warn('eviction', `${message}, which does nothing until maxmemory is set.`, fix)
  return fail('eviction', `${message}: when memory is full, it signs people out.`, fix)
}
