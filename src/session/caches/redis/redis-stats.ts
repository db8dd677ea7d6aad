/** Statistics of one Redis server. Sizes are bytes; counts are since its start unless stated otherwise. */
export interface RedisStats {
  /** Host and port. */
  readonly address: string
  readonly version: string
  readonly uptimeSeconds: number
  readonly usedMemory: number
  /** 0 without a limit. */
  readonly maxMemory: number
  /** What is evicted when memory is full; sessions are only safe with `noeviction`. */
  readonly evictionPolicy: string
  readonly connectedClients: number
  readonly commands: number
  readonly hits: number
  readonly misses: number
  readonly expired: number
  readonly evicted: number
  /** Current number of keys in all databases; `expiringKeys` are those with a TTL. */
  readonly keys: number
  readonly expiringKeys: number
  /** Entries in the log of slow commands, which is bounded. */
  readonly slowLog: number
  /** The latest of them, the newest first; empty if the user may not read the log. */
  readonly slowCommands: readonly SlowCommand[]
  /** The server's clock, in milliseconds since 1970. */
  readonly time: number
}

/** A command in the log of slow commands, without its arguments: they are keys and sessions. */
export interface SlowCommand {
  readonly command: string
  readonly microseconds: number
  /** Milliseconds since 1970, by the server's clock. */
  readonly at: number
}

/** The command whose answer {@link readSlowCommands} reads. */
export const SLOW_LOG_COMMAND = ['SLOWLOG', 'GET', '10']

/** Parses the answer to {@link SLOW_LOG_COMMAND}; entries that Redis does not document are left out. */
export function readSlowCommands(answer: unknown): SlowCommand[] {
  const entries: unknown[] = Array.isArray(answer) ? answer : []
  return entries.flatMap((entry) => {
    const [, seconds, microseconds, args]: unknown[] = Array.isArray(entry) ? entry : []
    const command = Array.isArray(args) ? String(args[0]).toUpperCase() : ''
    if (!/^[A-Z][A-Z0-9._-]{0,30}$/.test(command)) return []
    if (typeof seconds !== 'number' || typeof microseconds !== 'number') return []
    return [{ command, microseconds, at: seconds * 1000 }]
  })
}

/** The commands whose answers {@link readStats} reads. */
export const STATS_COMMANDS = [['INFO'], ['SLOWLOG', 'LEN'], ['TIME']]

/** Parses the answers to {@link STATS_COMMANDS}. @throws TypeError for an answer that Redis does not document */
export function readStats(
  address: string,
  [info, slowLog, time]: unknown[],
  slowCommands: readonly SlowCommand[],
): RedisStats {
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
    slowCommands,
    time: milliseconds(time),
  }
}

/** Parses the answer to TIME: seconds and microseconds. */
function milliseconds(time: unknown): number {
  const [seconds, micro]: unknown[] = Array.isArray(time) ? time.map(String) : []
  return toNumber(seconds, 'TIME') * 1000 + Math.floor(toNumber(micro, 'TIME') / 1000)
}

function toNumber(value: unknown, name: string): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new TypeError(`${name} of Redis is not a number`)
  return number
}
