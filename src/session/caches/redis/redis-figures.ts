/** What one Redis server tells of itself. Bytes, counts since its start unless said otherwise. */
export interface RedisFigures {
  /** Host and port. */
  readonly address: string
  readonly version: string
  readonly uptimeSeconds: number
  readonly usedMemory: number
  /** 0 without a limit. */
  readonly maxMemory: number
  /** What goes when memory is full; sessions are safe with `noeviction` alone. */
  readonly evictionPolicy: string
  readonly connectedClients: number
  readonly commands: number
  readonly hits: number
  readonly misses: number
  readonly expired: number
  readonly evicted: number
  /** Keys of all databases at this moment, and those among them that expire. */
  readonly keys: number
  readonly expiringKeys: number
  /** Entries in the log of slow commands, which is bounded. */
  readonly slowLog: number
  /** The server's clock, in milliseconds since 1970. */
  readonly time: number
}

/** The commands whose answers {@link readFigures} reads. */
export const FIGURE_COMMANDS = [['INFO'], ['SLOWLOG', 'LEN'], ['TIME']]

/** @throws TypeError when an answer is not what Redis documents */
export function readFigures(address: string, [info, slowLog, time]: unknown[]): RedisFigures {
  const fields = new Map(
    String(info)
      .split('\r\n')
      .map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon), line.slice(colon + 1)]
      }),
  )
  const text = (name: string) => {
    const value = fields.get(name)
    if (value === undefined) throw new TypeError(`INFO of ${address} lacks ${name}`)
    return value
  }
  const number = (name: string) => toNumber(text(name), name)
  const databases = [...fields].filter(([name]) => /^db\d+$/.test(name)).map(([, value]) => value)
  const inDatabases = (name: string) =>
    databases.reduce((sum, value) => sum + toNumber(new RegExp(`\\b${name}=(\\d+)`).exec(value)?.[1], name), 0)
  return {
    address,
    version: text('redis_version'),
    uptimeSeconds: number('uptime_in_seconds'),
    usedMemory: number('used_memory'),
    maxMemory: number('maxmemory'),
    evictionPolicy: text('maxmemory_policy'),
    connectedClients: number('connected_clients'),
    commands: number('total_commands_processed'),
    hits: number('keyspace_hits'),
    misses: number('keyspace_misses'),
    expired: number('expired_keys'),
    evicted: number('evicted_keys'),
    keys: inDatabases('keys'),
    expiringKeys: inDatabases('expires'),
    slowLog: toNumber(slowLog, 'SLOWLOG LEN'),
    time: milliseconds(time),
  }
}

/** Of seconds and microseconds. */
function milliseconds(time: unknown): number {
  const [seconds, micro]: unknown[] = Array.isArray(time) ? time.map(String) : []
  return toNumber(seconds, 'TIME') * 1000 + Math.floor(toNumber(micro, 'TIME') / 1000)
}

function toNumber(value: unknown, name: string): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new TypeError(`${name} of Redis is not a number`)
  return number
}
