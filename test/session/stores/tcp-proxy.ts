import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy to a server that a test can cut off or make unresponsive. */
export interface TcpProxy {
  readonly port: number
  /** Resets every connection, and every new one until `repair`. */
  cut(): void
  repair(): void
  /** The connections of this moment say nothing more, and never close; new ones work. */
  silence(): void
  close(): void
}

export async function tcpProxy(host: string, port: number): Promise<TcpProxy> {
  let isCut = false
  const sockets = new Set<Socket>()
  const forward = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.on('data', (bytes) => to.write(bytes))
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    // A reset is what this is for; the close that follows is all there is to do.
    from.on('error', () => {})
  }
  const server = createServer((client) => {
    if (isCut) return void client.resetAndDestroy()
    const upstream = connect(port, host)
    forward(client, upstream)
    forward(upstream, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      isCut = true
      for (const socket of sockets) socket.resetAndDestroy()
    },
    repair() {
      isCut = false
    },
    silence() {
      for (const socket of sockets) socket.pause()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
