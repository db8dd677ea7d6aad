import { z } from 'zod'
import type { Config } from '../../../src/config.ts'
import { openCache } from '../../../src/session-stores.ts'
import { causeOf, messageOf } from '../run.ts'
import { clockFinding, type Finding, ok, warn, wrong } from './finding.ts'
import type { Settings } from './settings.ts'

const redisFigures = z.object({
  address: z.string(),
  maxMemory: z.number(),
  evictionPolicy: z.string(),
  evicted: z.number(),
  time: z.number(),
})
const memcachedFigures = z.object({ server: z.string(), up: z.boolean(), evictions: z.number().default(0) })

/** The cache: whether it answers, keeps what it is given, and keeps the same time. */
export async function cacheFindings({ config, meant }: Settings): Promise<Finding[]> {
  if (!usesCache(config) || !meant('CACHE_URL')) return []
  const alone = isAlone(config)
  if (config.cache.url === 'memory:') return [memoryFinding(config, alone)]
  try {
    const { cache, connect } = await openCache(config.cache)
    try {
      await connect()
      await cache.ping()
      return [ok('cache', `It answers (${cache.name}).`), ...(await serverFindings(cache, alone))]
    } finally {
      await cache.close()
    }
  } catch (error) {
    const why = messageOf(causeOf(error))
    const mend = 'Start it, or correct CACHE_URL'
    if (alone) return [wrong('cache', `It does not answer, and sessions are nowhere else: ${why}`, mend)]
    return [warn('cache', `It does not answer; the database serves until it is back: ${why}`, mend)]
  }
}

function usesCache({ session }: Config): boolean {
  return [session, session.migratingFrom].some((home) => home?.engine === 'cache' || home?.engine === 'cached_db')
}

/** Whether what the cache forgets is lost. */
function isAlone({ session, cache }: Config): boolean {
  return [session, session.migratingFrom].some((home) => home?.engine === 'cache') && cache.fallback === 'none'
}

function memoryFinding({ production }: Config, alone: boolean): Finding {
  if (!production) return ok('cache', 'CACHE_URL is memory: for one process, until it ends.')
  const mend = 'CACHE_URL=redis://…'
  if (alone) return wrong('cache', 'CACHE_URL is memory: every restart signs everybody out.', mend)
  return warn('cache', 'CACHE_URL is memory: copies in one process do not notice what another saves.', mend)
}

async function serverFindings(
  cache: { serverFigures?(): Promise<readonly object[]>; readonly name: string },
  alone: boolean,
): Promise<Finding[]> {
  let servers: readonly object[]
  try {
    servers = (await cache.serverFigures?.()) ?? []
  } catch (error) {
    const says = `It does not say how it is set up: ${messageOf(causeOf(error))}`
    return [warn('eviction', says, 'Allow this user INFO, SLOWLOG LEN and TIME, or see to maxmemory-policy by hand')]
  }
  const findings = servers.map(async (server): Promise<Finding[]> => {
    const redis = redisFigures.safeParse(server)
    if (redis.success) {
      const { address, time } = redis.data
      const clock = await clockFinding('clocks', `Redis at ${address}`, async () => time)
      return [evictionFinding(redis.data, alone), clock]
    }
    const memcached = memcachedFigures.safeParse(server)
    return memcached.success ? [memcachedFinding(memcached.data, alone)] : []
  })
  return (await Promise.all(findings)).flat()
}

function evictionFinding(
  { address, maxMemory, evictionPolicy, evicted }: z.infer<typeof redisFigures>,
  alone: boolean,
): Finding {
  const where = `Redis at ${address}`
  if (!alone) return ok('eviction', `${where} may evict copies (${evictionPolicy}): the database has every session.`)
  const mend = 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf'
  if (evicted > 0)
    return wrong(
      'eviction',
      `${where} has evicted ${evicted} keys since its start: sessions among them are lost.`,
      mend,
    )
  if (evictionPolicy === 'noeviction') return ok('eviction', `${where} evicts nothing (noeviction).`)
  const says = `${where} has maxmemory-policy ${evictionPolicy}`
  if (evictionPolicy === 'volatile-ttl') {
    return warn('eviction', `${says}: when memory is full, the sessions that expire first end early.`, mend)
  }
  if (maxMemory === 0) return warn('eviction', `${says}, which does nothing until maxmemory is set.`, mend)
  return wrong('eviction', `${says}: when memory is full, it signs people out.`, mend)
}

function memcachedFinding({ server, up, evictions }: z.infer<typeof memcachedFigures>, alone: boolean): Finding {
  if (!up) return warn('cache', `memcached at ${server} does not answer.`, 'Start it, or take it out of CACHE_URL')
  if (!alone) return ok('eviction', `memcached at ${server} may evict copies: the database has every session.`)
  if (evictions > 0) {
    const says = `memcached at ${server} has evicted ${evictions} entries since its start: sessions among them are lost.`
    return wrong('eviction', says, 'Start it with more memory (-m), or SESSION_ENGINE=cached_db')
  }
  const says = `memcached at ${server} has evicted nothing yet, and will, when it is full.`
  return warn('eviction', says, 'SESSION_ENGINE=cached_db, or CACHE_FALLBACK=db')
}
