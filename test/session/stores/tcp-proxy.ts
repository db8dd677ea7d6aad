import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server that a test can cut, as if the server had died, or freeze, as if it hung; and mend. */
export interface TcpProxy {
  readonly port: number
  cut(): void
  freeze(): void
  mend(): void
  close(): void
}

export async function tcpProxy(host: string, port: number): Promise<TcpProxy> {
  let state: 'open' | 'cut' | 'frozen' = 'open'
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
    if (state === 'frozen') from.pause()
  }
  const server = createServer((client) => {
    if (state === 'cut') return void client.resetAndDestroy()
    const upstream = connect(port, host)
    forward(client, upstream)
    forward(upstream, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      for (const socket of sockets) socket.resetAndDestroy()
    },
    freeze() {
      state = 'frozen'
      for (const socket of sockets) socket.pause()
    },
    mend() {
      state = 'open'
      for (const socket of sockets) socket.resume()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
