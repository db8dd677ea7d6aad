import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** What happens to the bytes of one side of every connection: those of requests, or those of answers. */
export interface TcpFault {
  /** Milliseconds that they are late, and at most as many more at random. */
  readonly latency?: number
  readonly jitter?: number
  /** They are held back until the repair, as in a network that forwards nothing; with a text, from there on. */
  readonly hold?: boolean | string
  /** They arrive one by one. */
  readonly slice?: boolean
  /** The connection is reset after so many of them. */
  readonly cutAfter?: number
  /** The connection is reset instead of the first of them: the other side has received, and maybe done, everything. */
  readonly drop?: boolean
}

/** The faults of each side; a side that is left out works. */
export interface TcpFaults {
  readonly requests?: TcpFault
  readonly answers?: TcpFault
}

/** A proxy to a server that a test can cut off, slow down or make unresponsive. */
export interface TcpProxy {
  readonly port: number
  /** Resets every connection, and every new one until `repair`. */
  cut(): void
  /** Ends the faults of `fail` and `cut`; what was held back goes on its way. */
  repair(): void
  /** Applies these faults to all connections, present and future ones. */
  fail(faults: TcpFaults): void
  /** The connections of this moment say nothing more, and never close; new ones work. */
  silence(): void
  close(): void
}

export async function tcpProxy(host: string, port: number): Promise<TcpProxy> {
  let isCut = false
  let faults: TcpFaults = {}
  let release = () => {}
  let repaired = new Promise<void>((resolve) => {
    release = resolve
  })
  const sockets = new Set<Socket>()

  const forward = (side: keyof TcpFaults, from: Socket, to: Socket) => {
    let last: Promise<void> | undefined
    let count = 0
    const reset = () => {
      from.resetAndDestroy()
      to.resetAndDestroy()
    }
    const pass = async (bytes: Buffer) => {
      const { latency = 0, jitter = 0 } = faults[side] ?? {}
      if (latency + jitter > 0) await pause(latency + Math.random() * jitter)
      while (isHeld(bytes, faults[side]?.hold)) await repaired
      const { drop, cutAfter = Number.POSITIVE_INFINITY, slice } = faults[side] ?? {}
      if (to.destroyed) return
      if (drop) return reset()
      const left = cutAfter - count
      count += bytes.length
      const sent = bytes.subarray(0, Math.max(0, left))
      if (slice) {
        for (const byte of sent) {
          to.write(Uint8Array.of(byte))
          // Otherwise the bytes leave in one packet.
          await pause(0)
        }
      } else if (sent.length > 0) to.write(sent)
      if (bytes.length >= left) reset()
    }
    sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (bytes) => {
      // Nothing waits where nothing is wrong.
      if (last === undefined && faults[side] === undefined) return void to.write(bytes)
      const turn = (last ?? Promise.resolve()).then(() => pass(bytes))
      last = turn
      void turn.then(() => {
        if (last === turn) last = undefined
      })
    })
    from.on('close', async (failed) => {
      sockets.delete(from)
      await last
      if (failed) to.destroy()
      else to.destroySoon()
    })
    // A reset is what this is for; the close that follows is all there is to do.
    from.on('error', () => {})
  }

  const server = createServer((client) => {
    if (isCut) return void client.resetAndDestroy()
    const upstream = connect(port, host)
    forward('requests', client, upstream)
    forward('answers', upstream, client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const repair = () => {
    isCut = false
    faults = {}
    release()
    repaired = new Promise((resolve) => {
      release = resolve
    })
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      isCut = true
      for (const socket of sockets) socket.resetAndDestroy()
    },
    repair,
    fail(wanted) {
      repair()
      faults = wanted
    },
    silence() {
      for (const socket of sockets) socket.pause()
    },
    close() {
      repair()
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function isHeld(bytes: Buffer, hold: TcpFault['hold'] = false): boolean {
  return typeof hold === 'string' ? bytes.includes(hold) : hold
}
