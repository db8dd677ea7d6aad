import { createClient, createCluster, RESP_TYPES } from 'redis'
import { withTimeout } from '../../core/timeout.ts'
import { slotOf } from './redis-slots.ts'
import type { RedisNode, RedisTarget } from './redis-url.ts'

/** A part of a command as it goes to the server. */
export type Argument = string | Buffer

/** Options for {@link dial}. */
export interface DialOptions {
  /** Milliseconds for one server to accept, agree on TLS and greet. */
  readonly connectTimeout: number
  /** Whether the server shall report changes of keys that were read (CLIENT TRACKING). */
  readonly trackKeys: boolean
  /** Called when the connection is lost. */
  lost(error: Error): void
  /** Called with a changed key; without a key if any may have changed. */
  invalidated(key?: string): void
}

/** A connection to the servers that hold the entries. */
export interface Connection {
  /** Sends a command; strings are returned as buffers. `key` decides which node of a cluster gets it. */
  send(args: Argument[], key: string): Promise<unknown>
  /** Resolves when every master answers. */
  ping(): Promise<void>
  /** Whether the sentinels name another master by now; false if none of them answers. */
  masterChanged(): Promise<boolean>
  /** The address of a key's master, if there are several. */
  masterOf?(key: string): string | undefined
  /** All masters with their addresses. */
  masters(): Promise<{ address: string; send(args: string[]): Promise<unknown> }[]>
  /** Whether there are several servers, so that some may answer while another does not. */
  readonly multipleNodes: boolean
  destroy(): void
}

const NODE_BACKOFF = { minDelay: 50, maxDelay: 2000 }

/** Milliseconds to wait before the next attempt: exponential up to `maxDelay`, with jitter. */
export function backoff(failures: number, maxDelay: number): number {
  const pause = Math.min(maxDelay, NODE_BACKOFF.minDelay * 2 ** Math.min(failures, 16))
  return Math.round(pause * (0.5 + Math.random() / 2))
}

/** Connects. @throws the error of the library or the system */
export async function dial(target: RedisTarget, options: DialOptions): Promise<Connection> {
  if (target.topology === 'cluster') return await dialCluster(target, options)
  if (target.topology === 'sentinel') return await dialMaster(target, options)
  const [node] = target.nodes
  if (node === undefined) throw new Error('There is no host to connect to.')
  return await dialServer(node, target, options)
}

async function dialServer(node: RedisNode, target: RedisTarget, options: DialOptions): Promise<Connection> {
  const { connectTimeout, trackKeys, lost, invalidated } = options
  const client = createClient({
    ...common(target),
    commandOptions: COMMAND_OPTIONS,
    socket: { ...socketOf(target), ...node, connectTimeout, reconnectStrategy: false },
    database: target.database,
    emitInvalidate: trackKeys,
  })
  // Without a reconnect strategy, every error ends this client.
  client.on('error', lost)
  client.on('invalidate', (key: unknown) => invalidated(key === null ? undefined : String(key)))
  const destroy = () => client.destroy()
  try {
    await withTimeout(client.connect(), connectTimeout)
  } catch (error) {
    destroy()
    throw error
  }
  const send = (args: Argument[]) => client.sendCommand<unknown>(args)
  return {
    send,
    ping: async () => void (await send(['PING'])),
    masterChanged: async () => false,
    masters: async () => [{ address: `${node.host}:${node.port}`, send }],
    multipleNodes: false,
    destroy,
  }
}

/**
 * Connects to the master that the sentinels name. The sentinel client of the library repeats commands that may have been
 * executed, so here a lost master is a lost connection, and the next one asks the sentinels again.
 */
async function dialMaster(target: RedisTarget, options: DialOptions): Promise<Connection> {
  const master = await masterOf(target, options)
  const connection = await dialServer(master, target, options)
  try {
    const role = await withTimeout(connection.send(['ROLE'], ''), options.connectTimeout)
    if (!Array.isArray(role) || String(role[0]) !== 'master') {
      throw new Error(`${master.host}:${master.port} is not the master any more`)
    }
  } catch (error) {
    connection.destroy()
    throw error
  }
  return {
    ...connection,
    masterChanged: () =>
      masterOf(target, options).then(
        ({ host, port }) => host !== master.host || port !== master.port,
        () => false,
      ),
  }
}

async function masterOf(target: RedisTarget, { connectTimeout }: DialOptions): Promise<RedisNode> {
  const failures: unknown[] = []
  for (const sentinel of target.nodes) {
    try {
      return await withTimeout(askSentinel(sentinel, target, connectTimeout, false), connectTimeout)
    } catch (error) {
      if (error instanceof UnknownMasterError) throw error
      failures.push(error)
    }
  }
  throw failures[0]
}

/** The sentinels answer but do not know this master. */
export class UnknownMasterError extends Error {
  constructor(name: string) {
    super(`The sentinels watch no master named "${name}"`)
    this.name = 'UnknownMasterError'
  }
}

async function askSentinel(
  node: RedisNode,
  target: RedisTarget,
  connectTimeout: number,
  withPassword: boolean,
): Promise<RedisNode> {
  const socket = { ...socketOf(target), ...node, connectTimeout, reconnectStrategy: false } as const
  const { username: _username, password: _password, ...anonymous } = common(target)
  const client = createClient({ ...(withPassword ? common(target) : anonymous), socket })
  client.on('error', () => {})
  // A sentinel that accepts but does not answer must not keep its connection.
  const timer = setTimeout(() => client.destroy(), connectTimeout)
  try {
    await client.connect()
    const answer: unknown = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', target.master])
    if (answer === null) throw new UnknownMasterError(target.master)
    const [host, port] = Array.isArray(answer) ? answer.map(String) : []
    if (host === undefined || !Number.isInteger(Number(port))) throw new Error('A sentinel gave no address')
    return { host, port: Number(port) }
  } catch (error) {
    const asksForPassword = error instanceof Error && error.message.startsWith('NOAUTH')
    if (!asksForPassword || withPassword || target.password === undefined) throw error
    return await askSentinel(node, target, connectTimeout, true)
  } finally {
    clearTimeout(timer)
    client.destroy()
  }
}

async function dialCluster(
  target: RedisTarget,
  { connectTimeout, trackKeys, invalidated }: DialOptions,
): Promise<Connection> {
  const socket = { ...socketOf(target), connectTimeout }
  const cluster = createCluster({
    // Used for discovery only, which a node that does not answer would block.
    rootNodes: target.nodes.map((node) => ({ socket: { ...socket, ...node, socketTimeout: connectTimeout } })),
    defaults: {
      ...common(target),
      socket: { ...socket, reconnectStrategy: (failures) => backoff(failures, NODE_BACKOFF.maxDelay) },
      emitInvalidate: trackKeys,
    },
    commandOptions: COMMAND_OPTIONS,
    // Otherwise one node that is down would prevent connecting to the others.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: connectTimeout,
    maxCommandRedirections: 4,
  })
  let lastError: unknown
  cluster.on('error', (error: unknown) => {
    lastError = error
  })
  for (const event of ['node-error', 'node-disconnect']) cluster.on(event, () => invalidated())
  cluster.on('node-connect', ({ host, port }: RedisNode) => {
    const client = cluster.nodeByAddress.get(`${host}:${port}`)?.client
    client?.removeAllListeners('invalidate')
    client?.on('invalidate', (key: unknown) => invalidated(key === null ? undefined : String(key)))
  })
  const destroy = () => cluster.destroy()
  try {
    await withTimeout(cluster.connect(), connectTimeout * (target.nodes.length + 1))
  } catch (error) {
    destroy()
    throw lastError ?? error
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
    masterChanged: async () => false,
    masterOf: (key) => cluster.slots[slotOf(key)]?.master.address,
    masters,
    multipleNodes: true,
    destroy,
  }
}

/** Options of every command. The library's timeout covers only its writing; `withTimeout` covers the answer too. */
export const COMMAND_OPTIONS = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }

function common({ username, password }: RedisTarget) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  } as const
}

function socketOf({ tls, ca }: RedisTarget) {
  return tls ? ({ tls: true, ...(ca === undefined ? {} : { ca }) } as const) : {}
}
