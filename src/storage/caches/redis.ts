import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { ConfigError, defineSettings, milliseconds, setting, text } from '../../settings.ts'
import { cacheSettings } from '../cached.ts'
import { clockFinding, type Finding, fail, ok, warn } from '../finding.ts'
import { defineCache, type ExaminedFacts } from '../part.ts'
import { messageOf } from '../records.ts'

const settings = defineSettings({
  CACHE_TLS_CA: setting(
    text,
    'For rediss: the path of a PEM file with the certificate authorities that sign for Redis; empty: those of Node.js',
  ),
  CACHE_MAX_RETRY_DELAY: setting(
    milliseconds.min(50).default(2000),
    'Redis: max milliseconds between two attempts to connect, which never end; the delay begins with 50 and doubles',
  ),
  CACHE_MAX_PENDING: setting(
    z.coerce.number().int().min(100).max(1_000_000).default(10_000),
    'Redis: max commands of this process that wait for their answers; more fail at once',
  ),
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
    const own = settings.of(config)
    const { CACHE_TLS_CA: file, CACHE_LOCAL_ENTRIES: localEntries } = own
    // Otherwise somebody might believe that the connection is encrypted.
    if (file !== undefined && !url.startsWith('rediss'))
      throw new ConfigError(
        'CACHE_TLS_CA is set, but the address begins with redis:. Use rediss:, or remove CACHE_TLS_CA.',
      )
    const cache = new RedisCache({
      url,
      ca: file === undefined ? undefined : await authorities(file),
      connectTimeout: values.CACHE_CONNECT_TIMEOUT,
      commandTimeout: values.CACHE_COMMAND_TIMEOUT,
      healthCheckInterval: values.CACHE_CHECK_INTERVAL,
      maxRetryDelay: own.CACHE_MAX_RETRY_DELAY,
      maxPendingCommands: own.CACHE_MAX_PENDING,
      localEntries,
      indexPrefix: `${values.CACHE_KEY_PREFIX}:${values.CACHE_VERSION}:user:`,
    })
    return { cache, connect: () => cache.connect() }
  },
  async examine(server, facts) {
    const { data } = figures.safeParse(server)
    if (data === undefined) return []
    const clock = await clockFinding('clocks', `Redis at ${data.address}`, async () => data.time)
    return [evictionFinding(data, facts), clock]
  },
})

/** @throws ConfigError for a file that cannot be read or has no certificates */
async function authorities(file: string): Promise<string> {
  try {
    const pem = await readFile(file, 'utf8')
    // Node.js ignores text without certificates, and then trusts nobody.
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it has no certificates in PEM')
    createSecureContext({ ca: pem })
    return pem
  } catch (error) {
    throw new ConfigError(`CACHE_TLS_CA is wrong: ${messageOf(error)}.`)
  }
}

function evictionFinding(server: z.infer<typeof figures>, { onlyRecords, ahead }: ExaminedFacts): Finding {
  const { address, maxMemory, evictionPolicy, evicted } = server
  const where = `Redis at ${address}`
  const fix = 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf'
  if (!onlyRecords) {
    if (!ahead) return ok('eviction', `${where} may evict copies (${evictionPolicy}): the database has every session.`)
    if (evictionPolicy === 'noeviction') return ok('eviction', `${where} evicts nothing (noeviction).`)
    const message = `${where} may evict changes that the database does not have yet (${evictionPolicy}).`
    return warn('eviction', message, fix)
  }
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
