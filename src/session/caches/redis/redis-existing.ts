import { within } from '../../core/timeout.ts'
import { type Argument, COMMAND_OPTIONS, type Connection, type DialOptions } from './redis-dial.ts'

/** What is used of a client that `createClient` of the package redis (version 5 or later) has made. */
export interface ExistingRedisClient {
  readonly isReady: boolean
  /** Only a client of a single server has it, and only that sends commands as {@link borrow} does. */
  select(database: number): Promise<unknown>
  sendCommand(args: Argument[], options?: object): Promise<unknown>
  on(event: 'error' | 'end', listener: (error?: unknown) => void): unknown
  off(event: 'error' | 'end', listener: (error?: unknown) => void): unknown
}

/**
 * Checks what plain JavaScript may give.
 *
 * @throws TypeError for what is no client of a single server
 */
export function checkExistingClient(client: ExistingRedisClient): void {
  if (typeof client?.sendCommand !== 'function' || typeof client.select !== 'function') {
    throw new TypeError('RedisCache.client must be what createClient() of the package "redis" (5 or later) returns.')
  }
}

/**
 * A connection over a client that somebody else connects, shares and closes.
 *
 * @param commandTimeout milliseconds after which a command that is still in the client's queue must not be sent any more
 * @throws Error where the client is not connected or does not answer
 */
export async function borrow(
  client: ExistingRedisClient,
  { connectTimeout, lost }: DialOptions,
  commandTimeout: number,
): Promise<Connection> {
  if (!client.isReady) throw new Error('It is not connected')
  const options = { ...COMMAND_OPTIONS, timeout: commandTimeout }
  const send = async (args: Argument[]) => {
    // It would wait in the client's queue, maybe for minutes.
    if (!client.isReady) throw new Error('The connection was lost')
    return await client.sendCommand(args, options)
  }
  await within(send(['PING']), connectTimeout)
  const isLost = (error?: unknown) => lost(error instanceof Error ? error : new Error('It was closed'))
  client.on('error', isLost)
  client.on('end', isLost)
  return {
    send,
    ping: async () => void (await send(['PING'])),
    superseded: async () => false,
    masters: async () => [{ address: 'the given client', send }],
    several: false,
    destroy() {
      client.off('error', isLost)
      client.off('end', isLost)
    },
  }
}
