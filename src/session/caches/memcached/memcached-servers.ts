import { hash } from 'node:crypto'
import { type MemcachedAddress, MemcachedConnection, type MemcachedConnectionOptions } from './memcached-connection.ts'

/** Statistics of one server. Counts are since its start and include all applications that use it. */
export type ServerStats =
  | { readonly server: string; readonly up: false; readonly problem: string }
  | {
      readonly server: string
      readonly up: true
      readonly version: string
      /** Seconds. */
      readonly uptime: number
      readonly connections: number
      readonly items: number
      readonly bytes: number
      readonly maxBytes: number
      readonly hits: number
      readonly misses: number
      /** Entries that were evicted before they expired. */
      readonly evictions: number
      /** Writes that failed for lack of memory. */
      readonly outOfMemory: number
      /** By slab class, smallest items first: shows which sizes are evicted. */
      readonly slabs: readonly SlabStats[]
    }

/** Statistics of one slab class. */
export interface SlabStats {
  /** Maximum bytes of an item. */
  readonly itemBytes: number
  readonly items: number
  /** Seconds since the oldest was last used. */
  readonly oldest: number
  readonly evictions: number
  readonly outOfMemory: number
  readonly used: number
  readonly free: number
}

const DEFAULT_PORT = 11211

/** The servers of a cache, and the mapping from keys to servers. */
export class MemcachedServers {
  readonly all: readonly MemcachedConnection[]

  /** @throws RangeError for an empty list, a duplicate server or an invalid URL */
  constructor(servers: string | readonly MemcachedAddress[], options: MemcachedConnectionOptions) {
    const addresses = typeof servers === 'string' ? addressesIn(servers) : servers
    this.all = addresses.map((address) => new MemcachedConnection(address, options))
    if (new Set(this.all.map(({ name }) => name)).size !== this.all.length || this.all.length === 0) {
      throw new RangeError('Name one or more Memcached servers, each of them once')
    }
  }

  /**
   * The server of a key, by rendezvous hashing: the order of the list does not matter, and a new server takes over only
   * its share of keys. Keys of a server that is down do not move to another one: a session that is ended there could
   * come back from the first.
   */
  of(key: string): MemcachedConnection {
    const [first, ...others] = this.all
    if (first === undefined) throw new RangeError('There are no Memcached servers')
    if (others.length === 0) return first
    const best = { server: first, weight: weigh(first, key) }
    for (const server of others) {
      const weight = weigh(server, key)
      if (weight > best.weight) Object.assign(best, { server, weight })
    }
    return best.server
  }

  async stats(): Promise<ServerStats[]> {
    return await Promise.all(this.all.map(statsOf))
  }
}

function weigh({ name }: MemcachedConnection, key: string): string {
  return hash('sha256', `${name} ${key}`, 'hex')
}

/** Parses `memcached://host:port,host:port`; the default port is 11211. @throws RangeError */
export function addressesIn(url: string): MemcachedAddress[] {
  const list = /^memcached:\/\/([^/?#@]+)\/?$/.exec(url)?.[1]
  if (list === undefined) throw new RangeError('Name memcached servers as memcached://host:port,host:port')
  return list.split(',').map((server) => {
    const parts = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(server.trim())
    const host = parts?.[1] ?? parts?.[2]
    const port = Number(parts?.[3] ?? DEFAULT_PORT)
    if (host === undefined || port < 1 || port > 65_535) {
      throw new RangeError(`"${server}" is not host:port of a Memcached server`)
    }
    return { host, port }
  })
}

async function statsOf(connection: MemcachedConnection): Promise<ServerStats> {
  const server = connection.name
  try {
    const kinds = ['', 'items', 'slabs'] as const
    const [all, items, slabs] = await Promise.all(kinds.map((kind) => connection.stats(kind)))
    if (all === undefined || items === undefined || slabs === undefined)
      return { server, up: false, problem: 'no answer' }
    const classes = slabStats(items, slabs)
    return {
      server,
      up: true,
      version: all.get('version') ?? '',
      uptime: count(all, 'uptime'),
      connections: count(all, 'curr_connections'),
      items: count(all, 'curr_items'),
      bytes: count(all, 'bytes'),
      maxBytes: count(all, 'limit_maxbytes'),
      hits: count(all, 'get_hits'),
      misses: count(all, 'get_misses'),
      evictions: count(all, 'evictions'),
      outOfMemory: classes.reduce((sum, { outOfMemory }) => sum + outOfMemory, 0),
      slabs: classes,
    }
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    return { server, up: false, problem: cause instanceof Error ? cause.message : String(error) }
  }
}

// "1:chunk_size" of `stats slabs` and "items:1:number" of `stats items` describe the same class.
function slabStats(items: ReadonlyMap<string, string>, slabs: ReadonlyMap<string, string>): SlabStats[] {
  const ids = [...slabs.keys()].flatMap((name) => /^(\d+):chunk_size$/.exec(name)?.[1] ?? [])
  return ids.map((id) => ({
    itemBytes: count(slabs, `${id}:chunk_size`),
    items: count(items, `items:${id}:number`),
    oldest: count(items, `items:${id}:age`),
    evictions: count(items, `items:${id}:evicted`),
    outOfMemory: count(items, `items:${id}:outofmemory`),
    used: count(slabs, `${id}:used_chunks`),
    free: count(slabs, `${id}:free_chunks`),
  }))
}

/** A statistic as a number; 0 if the server's version does not report it. */
function count(stats: ReadonlyMap<string, string>, name: string): number {
  const text = stats.get(name) ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}
