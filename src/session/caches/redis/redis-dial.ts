import { createClient, createCluster, RESP_TYPES } from 'redis'
import { within } from '../../core/timeout.ts'
import type { RedisNode, RedisPlace } from './redis-url.ts'

/** A part of a command as it goes to the server. */
export type Argument = string | Buffer

/** How to dial, and whom to tell what happens afterwards. */
export interface DialOptions {
  /** Milliseconds for one server to accept, agree on TLS and greet. */
  readonly connectTimeout: number
  /** Whether the server shall say which of the keys that were read have changed. */
  readonly tracks: boolean
  /** The connection is of no more use. */
  lost(error: Error): void
  /** The key has changed; without a key: any may have. */
  invalidated(key?: string): void
}

/** A way to the servers that hold the entries. */
export interface Connection {
  /** Strings of the server come as buffers. `key` is the one key of the command: it decides which node of a cluster is asked. */
  send(args: Argument[], key: string): Promise<unknown>
  /** Resolves when every master answers. */
  ping(): Promise<void>
  /** Whether the sentinels have come to name another master; not as long as nobody can tell. */
  superseded(): Promise<boolean>
  /** Every master by its address. */
  masters(): Promise<{ address: string; send(args: string[]): Promise<unknown> }[]>
  /** Several servers, of which some may serve while another is silent. */
  readonly several: boolean
  destroy(): void
}

const NODE_BACKOFF = { retryAfter: 50, longest: 2000 }

/** Milliseconds to wait before the attempt after so many failures: doubled up to the longest, and spread by chance. */
export function backoff(failures: number, longest: number): number {
  const pause = Math.min(longest, NODE_BACKOFF.retryAfter * 2 ** Math.min(failures, 16))
  return Math.round(pause * (0.5 + Math.random() / 2))
}

/** Connects; throws what went wrong, of the library or the system. */
export async function dial(place: RedisPlace, options: DialOptions): Promise<Connection> {
  if (place.topology === 'cluster') return await dialCluster(place, options)
  if (place.topology === 'sentinel') return await dialMaster(place, options)
  const [node] = place.nodes
  if (node === undefined) throw new Error('There is no host to connect to.')
  return await dialServer(node, place, options)
}

async function dialServer(node: RedisNode, place: RedisPlace, options: DialOptions): Promise<Connection> {
  const { connectTimeout, tracks, lost, invalidated } = options
  const client = createClient({
    ...common(place),
    commandOptions: COMMAND_OPTIONS,
    socket: { ...socketOf(place), ...node, connectTimeout, reconnectStrategy: false },
    database: place.database,
    emitInvalidate: tracks,
  })
  // Without a strategy to reconnect, every error is the end of this client.
  client.on('error', lost)
  client.on('invalidate', (key: unknown) => invalidated(key === null ? undefined : String(key)))
  const destroy = () => client.destroy()
  try {
    await within(client.connect(), connectTimeout)
  } catch (error) {
    destroy()
    throw error
  }
  const send = (args: Argument[]) => client.sendCommand<unknown>(args)
  return {
    send,
    ping: async () => void (await send(['PING'])),
    superseded: async () => false,
    masters: async () => [{ address: `${node.host}:${node.port}`, send }],
    several: false,
    destroy,
  }
}

/**
 * The master that the sentinels name. The library's own sentinel client repeats commands that may have been carried out,
 * and waits for seconds in between; here a lost master is a lost connection, and dialling again asks the sentinels again.
 */
async function dialMaster(place: RedisPlace, options: DialOptions): Promise<Connection> {
  const master = await masterOf(place, options)
  const connection = await dialServer(master, place, options)
  try {
    const role = await within(connection.send(['ROLE'], ''), options.connectTimeout)
    if (!Array.isArray(role) || String(role[0]) !== 'master') {
      throw new Error(`${master.host}:${master.port} is not the master any more`)
    }
  } catch (error) {
    connection.destroy()
    throw error
  }
  return {
    ...connection,
    superseded: () =>
      masterOf(place, options).then(
        ({ host, port }) => host !== master.host || port !== master.port,
        () => false,
      ),
  }
}

async function masterOf(place: RedisPlace, { connectTimeout }: DialOptions): Promise<RedisNode> {
  const failures: unknown[] = []
  for (const sentinel of place.nodes) {
    try {
      return await within(askSentinel(sentinel, place, connectTimeout, false), connectTimeout)
    } catch (error) {
      if (error instanceof UnknownMasterError) throw error
      failures.push(error)
    }
  }
  throw failures[0]
}

/** The sentinels answer, and watch no master of this name. */
export class UnknownMasterError extends Error {
  constructor(name: string) {
    super(`The sentinels watch no master named "${name}"`)
    this.name = 'UnknownMasterError'
  }
}

async function askSentinel(
  node: RedisNode,
  place: RedisPlace,
  connectTimeout: number,
  withPassword: boolean,
): Promise<RedisNode> {
  const socket = { ...socketOf(place), ...node, connectTimeout, reconnectStrategy: false } as const
  const { username: _username, password: _password, ...anonymous } = common(place)
  const client = createClient({ ...(withPassword ? common(place) : anonymous), socket })
  client.on('error', () => {})
  // A sentinel that accepts and is silent must not keep its connection.
  const patience = setTimeout(() => client.destroy(), connectTimeout)
  try {
    await client.connect()
    const answer: unknown = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', place.master])
    if (answer === null) throw new UnknownMasterError(place.master)
    const [host, port] = Array.isArray(answer) ? answer.map(String) : []
    if (host === undefined || !Number.isInteger(Number(port))) throw new Error('A sentinel gave no address')
    return { host, port: Number(port) }
  } catch (error) {
    const asksForPassword = error instanceof Error && error.message.startsWith('NOAUTH')
    if (!asksForPassword || withPassword || place.password === undefined) throw error
    return await askSentinel(node, place, connectTimeout, true)
  } finally {
    clearTimeout(patience)
    client.destroy()
  }
}

async function dialCluster(
  place: RedisPlace,
  { connectTimeout, tracks, invalidated }: DialOptions,
): Promise<Connection> {
  const socket = { ...socketOf(place), connectTimeout }
  const cluster = createCluster({
    // These connections serve the discovery alone, which a silent node would hold up for ever.
    rootNodes: place.nodes.map((node) => ({ socket: { ...socket, ...node, socketTimeout: connectTimeout } })),
    defaults: {
      ...common(place),
      socket: { ...socket, reconnectStrategy: (failures) => backoff(failures, NODE_BACKOFF.longest) },
      emitInvalidate: tracks,
    },
    commandOptions: COMMAND_OPTIONS,
    // With all of them a single dead node would keep us from every other one.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: connectTimeout,
    maxCommandRedirections: 4,
  })
  let trouble: unknown
  cluster.on('error', (error: unknown) => {
    trouble = error
  })
  for (const event of ['node-error', 'node-disconnect']) cluster.on(event, () => invalidated())
  cluster.on('node-connect', ({ host, port }: RedisNode) => {
    const client = cluster.nodeByAddress.get(`${host}:${port}`)?.client
    client?.removeAllListeners('invalidate')
    client?.on('invalidate', (key: unknown) => invalidated(key === null ? undefined : String(key)))
  })
  const destroy = () => cluster.destroy()
  try {
    await within(cluster.connect(), connectTimeout * (place.nodes.length + 1))
  } catch (error) {
    destroy()
    throw trouble ?? error
  }
  const masters = async () =>
    await Promise.all(
      cluster.masters.map(async (node) => {
        const client = await cluster.nodeClient(node)
        return { address: node.address, send: (args: string[]) => client.sendCommand<unknown>(args) }
      }),
    )
  return {
    send: (args, key) => cluster.sendCommand<unknown>(key, false, args),
    ping: async () => void (await Promise.all((await masters()).map(({ send }) => send(['PING'])))),
    superseded: async () => false,
    masters,
    several: true,
    destroy,
  }
}

// The library's own timeout ends with the writing of a command; the deadline of `within` covers the answer, too.
export const COMMAND_OPTIONS = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }

function common({ username, password }: RedisPlace) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  } as const
}

function socketOf({ tls }: RedisPlace) {
  return tls ? ({ tls: true } as const) : {}
}
