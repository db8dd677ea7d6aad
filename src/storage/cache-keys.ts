import type { Cache } from '../session/caches/cache.ts'
import { cachePrefix } from '../session/stores/cache.ts'
import { aheadIndexName } from '../session/stores/cached/copy-entries.ts'
import type { CacheKeys, KeysWhich } from './part.ts'

/** Keys in a cache. @param used the prefix and version of the engine @throws RangeError for an invalid prefix */
export function cacheKeys(
  cache: Cache,
  used: { readonly prefix: string; readonly version: number },
  { prefix = used.prefix, version }: KeysWhich,
): CacheKeys {
  const { listing } = cache
  return {
    beginning: cachePrefix(prefix, version),
    inUse: prefix === used.prefix && version === used.version,
    ...(listing === undefined ? {} : { listing }),
    async unwritten() {
      const ahead = cache.ahead?.(aheadIndexName(prefix, version))
      return ahead !== undefined && (await ahead.list(0, 1)).length > 0
    },
  }
}
