import { randomUUID } from 'node:crypto'
import { createClient } from 'redis'
import redis from '../../../src/storage/caches/redis.ts'
import type { EngineSetUps, Restore } from '../set-ups.ts'

async function backUpKeys(url: string, prefix: string): Promise<Restore> {
  const client = await createClient({ url }).connect()
  const aside = `backup-${randomUUID()}:`
  for (const key of await client.keys(`${prefix}:*`)) await client.copy(key, aside + key)
  return async () => {
    for (const key of await client.keys(`${prefix}:*`)) await client.del(key)
    for (const key of await client.keys(`${aside}*`)) await client.rename(key, key.slice(aside.length))
    client.destroy()
  }
}

export default {
  local: [],
  backUp({ facts, config: { cacheUrl = '', values } }) {
    if (facts.cached !== 'only records' || !redis.address.test(cacheUrl)) return undefined
    return backUpKeys(cacheUrl, String(values['CACHE_KEY_PREFIX']))
  },
} satisfies EngineSetUps
