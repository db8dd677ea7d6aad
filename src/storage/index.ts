import type { CachePart, EnginePart, FormatPart, StoragePart } from './part.ts'

// One line per part; to remove a part, delete its line. The first engine and the first format are the defaults.
const modules = await Promise.all([
  import('./engines/db.ts'),
  import('./engines/file.ts'),
  import('./engines/cache.ts'),
  import('./engines/cached-db.ts'),
  import('./engines/signed-cookies.ts'),
  import('./engines/hybrid.ts'),
  import('./caches/memory.ts'),
  import('./caches/redis.ts'),
  import('./caches/memcached.ts'),
  import('./formats/sealed.ts'),
  import('./formats/django.ts'),
  import('./migrating.ts'),
])

/** All engines, caches and formats of this project. */
export const parts: readonly StoragePart[] = modules.map((module) => module.default)
export const engines: readonly EnginePart[] = parts.filter((part) => part.kind === 'engine')
export const caches: readonly CachePart[] = parts.filter((part) => part.kind === 'cache')
export const formats: readonly FormatPart[] = parts.filter((part) => part.kind === 'format')
export const migration = parts.find((part) => part.kind === 'migration')

for (const { name, requires } of engines) {
  for (const kind of requires) {
    if (!parts.some((part) => part.kind === kind)) throw new Error(`The engine ${name} requires a ${kind}.`)
  }
}

/** @throws Error for an unknown name, which the settings would have refused */
export function named<P extends StoragePart>(parts: readonly P[], name: string): P {
  const found = parts.find((part) => part.name === name)
  if (found === undefined) throw new Error(`This project has no ${name}.`)
  return found
}
