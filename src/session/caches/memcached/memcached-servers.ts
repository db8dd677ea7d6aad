import { hash } from 'node:crypto'
import { type MemcachedAddress, MemcachedConnection, type MemcachedPatience } from './memcached-connection.ts'

/** How one server fares. Bytes and counts are since its start; hits and misses are of every application that uses it. */
export type ServerFigures =
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
      /** Entries that had to go, though they had not expired, to make room. */
      readonly evictions: number
      /** Writes that failed because nothing could be evicted for them. */
      readonly outOfMemory: number
      /** Items by size, smallest first: evictions in one of them say which entries suffer. */
      readonly slabs: readonly SlabFigures[]
    }

/** What a server keeps of one size of items. */
export interface SlabFigures {
  /** Bytes that each item takes at most. */
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

/** The servers of a cache, and which of them keeps which key. */
export class MemcachedServers {
  readonly all: readonly MemcachedConnection[]

  /** @throws RangeError for no servers, one that is named twice, or a URL that cannot be understood */
  constructor(servers: string | readonly MemcachedAddress[], patience: MemcachedPatience) {
    const addresses = typeof servers === 'string' ? addressesIn(servers) : servers
    this.all = addresses.map((address) => new MemcachedConnection(address, patience))
    if (new Set(this.all.map(({ name }) => name)).size !== this.all.length || this.all.length === 0) {
      throw new RangeError('Name one or more memcached servers, and each of them once')
    }
  }

  /**
   * The server of a key: the one whose name and the key together hash highest, whatever the order of the list. A new
   * server takes over its own share and moves no other key. A dead one keeps its keys: in another's care a session
   * could be ended, and come back from the first.
   */
  of(key: string): MemcachedConnection {
    const [first, ...others] = this.all
    if (first === undefined) throw new RangeError('There is no server')
    if (others.length === 0) return first
    const best = { server: first, weight: weigh(first, key) }
    for (const server of others) {
      const weight = weigh(server, key)
      if (weight > best.weight) Object.assign(best, { server, weight })
    }
    return best.server
  }

  async figures(): Promise<ServerFigures[]> {
    return await Promise.all(this.all.map(figuresOf))
  }
}

function weigh({ name }: MemcachedConnection, key: string): string {
  return hash('sha256', `${name} ${key}`, 'hex')
}

/** The addresses in `memcached://host:port,host:port`; 11211 where there is no port. @throws RangeError */
export function addressesIn(url: string): MemcachedAddress[] {
  const list = /^memcached:\/\/([^/?#@]+)\/?$/.exec(url)?.[1]
  if (list === undefined) throw new RangeError('Name memcached servers as memcached://host:port,host:port')
  return list.split(',').map((place) => {
    const parts = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(place.trim())
    const host = parts?.[1] ?? parts?.[2]
    const port = Number(parts?.[3] ?? DEFAULT_PORT)
    if (host === undefined || port < 1 || port > 65_535) {
      throw new RangeError(`"${place}" is not the host:port of a memcached`)
    }
    return { host, port }
  })
}

async function figuresOf(connection: MemcachedConnection): Promise<ServerFigures> {
  const server = connection.name
  try {
    const kinds = ['', 'items', 'slabs'] as const
    const [all, items, slabs] = await Promise.all(kinds.map((kind) => connection.figures(kind)))
    if (all === undefined || items === undefined || slabs === undefined) return { server, up: false, problem: 'silent' }
    const classes = slabFigures(items, slabs)
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

// "1:chunk_size" of the slabs and "items:1:number" of the items are of the same class.
function slabFigures(items: ReadonlyMap<string, string>, slabs: ReadonlyMap<string, string>): SlabFigures[] {
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

/** A figure; 0 where a version of the server does not tell it, or tells what is no number. */
function count(figures: ReadonlyMap<string, string>, name: string): number {
  const text = figures.get(name) ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}
