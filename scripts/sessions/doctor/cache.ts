import { type Finding, ok, warn, wrong } from '../../../src/storage/finding.ts'
import { cachePart, factsOf, homesOf, openCache } from '../../../src/storage/open.ts'
import type { OpenedCache } from '../../../src/storage/part.ts'
import { causeOf, messageOf } from '../run.ts'
import type { Settings } from './settings.ts'

/** The cache: whether it answers, keeps what it is given, and keeps the same time. */
export async function cacheFindings({ config, meant }: Settings): Promise<Finding[]> {
  const cached = homesOf(config).map((home) => factsOf(home, config).cached)
  if (cached.every((what) => what === 'nothing') || !meant('CACHE_URL')) return []
  const onlyRecords = cached.includes('only records')
  const part = cachePart(config)
  if (part?.own) return [ownFinding(part.name, config.production, onlyRecords)]
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
    const mend = 'Start it, or correct CACHE_URL'
    if (onlyRecords) return [wrong('cache', `It does not answer, and sessions are nowhere else: ${why}`, mend)]
    return [warn('cache', `It does not answer; the database serves until it is back: ${why}`, mend)]
  }
}

function ownFinding(name: string, production: boolean, onlyRecords: boolean): Finding {
  if (!production) return ok('cache', `CACHE_URL is ${name}: for one process, until it ends.`)
  const mend = 'CACHE_URL=redis://…'
  if (onlyRecords) return wrong('cache', `CACHE_URL is ${name}: every restart signs everybody out.`, mend)
  return warn('cache', `CACHE_URL is ${name}: copies in one process do not notice what another saves.`, mend)
}

async function serverFindings({ part, cache }: OpenedCache, onlyRecords: boolean): Promise<Finding[]> {
  try {
    const servers = (await cache.serverFigures?.()) ?? []
    const findings = servers.map(async (server) => (await part.examine?.(server, { onlyRecords })) ?? [])
    return (await Promise.all(findings)).flat()
  } catch (error) {
    const says = `It does not say how it is set up: ${messageOf(causeOf(error))}`
    return [warn('eviction', says, 'Allow this user INFO, SLOWLOG LEN and TIME, or see to maxmemory-policy by hand')]
  }
}
