import { setTimeout as pause } from 'node:timers/promises'
import type { TcpFaults } from '../../session/stores/tcp-proxy.ts'
import type { Cell, Fault } from './cell.ts'

const MAX_CUT = 64
const ABORT_SHARE = 0.1
const LATE = { latency: 20, jitter: 20 }
// Shorter than the timeouts: then everything arrives.
const HELD = { requests: { hold: true }, answers: { hold: true } }
const SLICED = { requests: { slice: true }, answers: { slice: true } }
// Longer than CACHE_COMMAND_TIMEOUT.
const TOO_LATE = { latency: 300, jitter: 100 }

/** What the network between the application and its server can do; without a server, that between it and the visitors. */
const faults: readonly Fault[] = [
  {
    name: 'F5',
    title: 'the network is slow and uneven',
    run: async (cell) => await during(cell, [{ requests: LATE, answers: LATE }], 800),
  },
  {
    name: 'F6',
    title: 'answers come after the timeout, and clients go away',
    run: async (cell) => {
      cell.load.abortShare = ABORT_SHARE
      await during(cell, [{ answers: TOO_LATE }, {}, { answers: TOO_LATE }, { requests: TOO_LATE }], 300)
    },
  },
  {
    name: 'F7',
    title: 'connections are held up, reset, cut after some bytes, or get bytes one by one',
    run: async (cell) => {
      const cuts = Array.from({ length: 8 }, (): TcpFaults => {
        const cutAfter = 1 + Math.trunc(Math.random() * MAX_CUT)
        return Math.random() < 0.5 ? { answers: { cutAfter } } : { requests: { cutAfter } }
      })
      await during(cell, [SLICED, HELD, ...cuts, 'cut'], 150)
    },
  },
  {
    name: 'F8',
    title: 'the server does what it is asked, and its answers are lost',
    run: async (cell) => await during(cell, [{ answers: { drop: true } }, {}, { answers: { drop: true } }], 300),
  },
]

export const networkFaults: readonly Fault[] = faults.map((fault) => ({ ...fault, network: true }))

/** The network does these things one after the other, for so many milliseconds each; at last on one process's side only. */
async function during(cell: Cell, steps: readonly (TcpFaults | 'cut')[], milliseconds: number): Promise<void> {
  const { network } = cell.site
  await cell.underLoad(async () => {
    for (const used of [network, network.slice(-1)]) {
      for (const step of steps) {
        for (const proxy of used) {
          if (step === 'cut') proxy.cut()
          else proxy.fail(step)
        }
        await pause(milliseconds / 2)
      }
      for (const proxy of network) proxy.repair()
    }
    return undefined
  }, 0)
}
