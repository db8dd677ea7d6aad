import { type Finding, fail, ok, warn } from '../../../src/storage/finding.ts'
import { cachePart, factsOf, openCache, storageConfigs } from '../../../src/storage/open.ts'
import type { ExaminedFacts, OpenedCache } from '../../../src/storage/part.ts'
import { messageOf } from '../../../src/storage/records.ts'
import { causeOf } from '../run.ts'
import type { Settings } from './settings.ts'

const NEEDS_REDIS = 'CACHE_URL=redis://…, or SESSION_CACHE_STRATEGY=write_through'

/** Checks whether the cache answers, its eviction policy, and its clock. */
export async function cacheFindings({ config, isValid }: Settings): Promise<Finding[]> {
  const all = storageConfigs(config).map((home) => factsOf(home, config))
  if (all.every(({ cached }) => cached === 'nothing') || !isValid('CACHE_URL', 'CACHES', 'SESSION_CACHE_ALIAS'))
    return []
  const onlyRecords = all.some(({ cached }) => cached === 'only records')
  const ahead = all.some(({ writesBehind }) => writesBehind)
  const part = cachePart(config)
  if (part?.inProcess && !ahead) return [memoryFinding(part.name, config.production, onlyRecords)]
  try {
    const opened = await openCache(config)
    try {
      if (ahead && opened.cache.ahead === undefined)
        return [fail('cache', 'write_behind needs one Redis server, with or without Sentinel.', NEEDS_REDIS)]
      await opened.connect()
      await opened.cache.ping()
      return [
        ok('cache', `It answers (${opened.cache.name}).`),
        ...(await serverFindings(opened, { onlyRecords, ahead })),
      ]
    } finally {
      await opened.cache.close()
    }
  } catch (error) {
    const why = messageOf(causeOf(error))
    const fix = `Start it, or correct ${config.values['CACHE_URL'] === config.cacheUrl ? 'CACHE_URL' : 'CACHES'}`
    if (onlyRecords) return [fail('cache', `It does not answer, and has the only records of sessions: ${why}`, fix)]
    return [warn('cache', `It does not answer; the database serves until it is back: ${why}`, fix)]
  }
}

function memoryFinding(name: string, production: boolean, onlyRecords: boolean): Finding {
  if (!production) return ok('cache', `CACHE_URL is ${name}: for a single process, until it ends.`)
  const fix = 'CACHE_URL=redis://…'
  if (onlyRecords) return fail('cache', `CACHE_URL is ${name}: every restart signs everybody out.`, fix)
  return warn('cache', `CACHE_URL is ${name}: a process does not see what another one saves.`, fix)
}

async function serverFindings({ part, cache }: OpenedCache, facts: ExaminedFacts): Promise<Finding[]> {
  try {
    const servers = (await cache.serverStats?.()) ?? []
    const findings = servers.map(async (server) => (await part.examine?.(server, facts)) ?? [])
    return (await Promise.all(findings)).flat()
  } catch (error) {
    const message = `Its configuration cannot be read: ${messageOf(causeOf(error))}`
    return [warn('eviction', message, 'Allow this user INFO, SLOWLOG and TIME, or check maxmemory-policy yourself')]
  }
}
