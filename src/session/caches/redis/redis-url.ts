/** A server's host and port. */
export interface RedisNode {
  readonly host: string
  readonly port: number
}

/** The content of a Redis URL. */
export interface RedisTarget {
  readonly topology: 'single' | 'cluster' | 'sentinel'
  /** The server; some nodes of the cluster; the sentinels. At least one. */
  readonly nodes: readonly RedisNode[]
  readonly tls: boolean
  /** Certificate authorities as PEM, in place of those that Node.js trusts. */
  readonly ca?: string | undefined
  /** The master's name for sentinels; otherwise empty. */
  readonly master: string
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

const FORMS =
  'redis://host:port/database, redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/master ' +
  '(rediss for TLS), with user:password@ before the first host where the server wants them'
const URL_PARTS = /^redis(s?)(?:-(cluster|sentinel))?:\/\/(?:([^@:]*)(?::(.*))?@)?([^@/?#]+)(?:\/([^?#]*))?$/
const NODE = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i
const PORTS = { single: 6379, cluster: 6379, sentinel: 26_379 }

/**
 * Parses a Redis URL. User and password are percent-encoded; they are sent to a sentinel only if it asks for a password.
 *
 * @throws Error that says what is allowed; it never contains the URL
 */
export function parseRedisUrl(url: string): RedisTarget {
  const parts = URL_PARTS.exec(url)
  if (parts === null) throw new Error(`This is not the URL of a Redis. It may be ${FORMS}.`)
  const [, secure, kind, username, password, hosts = '', path = ''] = parts
  const topology = kind === 'cluster' || kind === 'sentinel' ? kind : 'single'
  const [master, database = ''] = topology === 'sentinel' ? path.split('/') : ['', path]
  const target = {
    topology,
    nodes: hosts.split(',').map((host) => parseNode(host, PORTS[topology])),
    tls: secure === 's',
    master: decoded(master ?? ''),
    username: decoded(username ?? '') || undefined,
    password: decoded(password ?? '') || undefined,
    database: Number(database),
  } as const
  if (!/^\d{0,5}$/.test(database)) throw new Error('The database in the URL of Redis is not a number.')
  if (topology === 'cluster' && target.database !== 0) throw new Error('A Redis cluster has no databases but 0.')
  if (topology === 'sentinel' && master === '') throw new Error(`The URL lacks the master's name. It may be ${FORMS}.`)
  if (topology === 'single' && target.nodes.length > 1) {
    throw new Error('Several hosts are a cluster or sentinels: write redis-cluster:// or redis-sentinel://.')
  }
  return target
}

/** Describes the servers for messages, without user and password. */
export function describeTarget({ topology, nodes, master }: RedisTarget): string {
  const hosts = nodes.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)).join(', ')
  if (topology === 'single') return `Redis at ${hosts}`
  return topology === 'cluster' ? `the Redis cluster at ${hosts}` : `the Redis "${master}" of the sentinels at ${hosts}`
}

function parseNode(text: string, defaultPort: number): RedisNode {
  const [, v6, name, port = String(defaultPort)] = NODE.exec(text) ?? []
  const host = v6 ?? name
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new Error(`A host in the URL of Redis cannot be read. The URL may be ${FORMS}.`)
  }
  return { host, port: Number(port) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('User and password in the URL of Redis must be percent-encoded: write "%25" for "%".')
  }
}
