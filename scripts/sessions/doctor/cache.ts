import { type Finding, fail, ok, warn } from '../../../src/storage/finding.ts'
import { cachePart, factsOf, openCache, storageConfigs } from '../../../src/storage/open.ts'
import type { OpenedCache } from '../../../src/storage/part.ts'
import { messageOf } from '../../../src/storage/records.ts'
import { causeOf } from '../run.ts'
import type { Settings } from './settings.ts'

/** Checks whether the cache answers, its eviction policy, and its clock. */
export async function cacheFindings({ config, isValid }: Settings): Promise<Finding[]> {
  const cached = storageConfigs(config).map((home) => factsOf(home, config).cached)
  if (cached.every((what) => what === 'nothing') || !isValid('CACHE_URL')) return []
  const onlyRecords = cached.includes('only records')
  const part = cachePart(config)
  if (part?.inProcess) return [memoryFinding(part.name, config.production, onlyRecords)]
  try {
    const opened = await openCache(config)
    try {
      await opened.connect()
      await opened.cache.ping()
      return [ok('cache', `It answers (${opened.cache.name}).`), ...(await serverFindings(opened, onlyRecords))]
    } finally {
      await opened.cache.close()
    }
  } catch (error) {
    const why = messageOf(causeOf(error))
    const fix = 'Start it, or correct CACHE_URL'
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

async function serverFindings({ part, cache }: OpenedCache, onlyRecords: boolean): Promise<Finding[]> {
  try {
    const servers = (await cache.serverStats?.()) ?? []
    const findings = servers.map(async (server) => (await part.examine?.(server, { onlyRecords })) ?? [])
    return (await Promise.all(findings)).flat()
  } catch (error) {
    const message = `Its configuration cannot be read: ${messageOf(causeOf(error))}`
    return [warn('eviction', message, 'Allow this user INFO, SLOWLOG and TIME, or check maxmemory-policy yourself')]
  }
}
