import { withTimeout } from '../../core/timeout.ts'
import { type Argument, COMMAND_OPTIONS, type Connection, type DialOptions } from './redis-dial.ts'

/** The used methods of a client made by `createClient` of the package redis, version 5 or later. */
export interface ExistingRedisClient {
  readonly isReady: boolean
  /** Only a client for a single server has it, which is the only kind supported here. */
  select(database: number): Promise<unknown>
  sendCommand(args: Argument[], options?: object): Promise<unknown>
  on(event: 'error' | 'end', listener: (error?: unknown) => void): unknown
  off(event: 'error' | 'end', listener: (error?: unknown) => void): unknown
}

/**
 * Checks the client, because callers in JavaScript may pass anything.
 *
 * @throws TypeError if it is not a client for a single server
 */
export function checkExistingClient(client: ExistingRedisClient): void {
  if (typeof client?.sendCommand !== 'function' || typeof client.select !== 'function') {
    throw new TypeError('RedisCache.client must be what createClient() of the package "redis" (5 or later) returns.')
  }
}

/**
 * Makes a connection from a client that the application opens, uses and closes.
 *
 * @param commandTimeout milliseconds after which a command still in the client's queue is dropped
 * @throws Error if the client is not connected or does not answer
 */
export async function useExistingClient(
  client: ExistingRedisClient,
  { connectTimeout, lost }: DialOptions,
  commandTimeout: number,
): Promise<Connection> {
  if (!client.isReady) throw new Error('It is not connected')
  const options = { ...COMMAND_OPTIONS, timeout: commandTimeout }
  const send = async (args: Argument[]) => {
    // It would wait in the client's queue, possibly for minutes.
    if (!client.isReady) throw new Error('The connection was lost')
    return await client.sendCommand(args, options)
  }
  await withTimeout(send(['PING']), connectTimeout)
  const isLost = (error?: unknown) => lost(error instanceof Error ? error : new Error('It was closed'))
  client.on('error', isLost)
  client.on('end', isLost)
  return {
    send,
    ping: async () => void (await send(['PING'])),
    masterChanged: async () => false,
    masters: async () => [{ address: 'the given client', send }],
    multipleNodes: false,
    destroy() {
      client.off('error', isLost)
      client.off('end', isLost)
    },
  }
}
