import { setTimeout as pause } from 'node:timers/promises'
import type { HistoryEvent } from '../kit/history.ts'
import { holdConnections, limitDescriptors } from '../kit/limits.ts'
import type { Fault } from './cell.ts'

const KILLS = 4
const MAX_ACCEPT_MS = 250
const MAX_DRAIN_MS = 10_000
const SPARE_DESCRIPTORS = 4
const IDLE_CONNECTIONS = 60
const NEW_SECRET = 'a newer secret of the tests: 0c2b9d8e4a7c6f1f'

/** What can happen to the processes of the application. */
export const processFaults: readonly Fault[] = [
  {
    name: 'F1',
    title: 'a process is killed in the middle of saves and started again',
    everywhere: true,
    run: async (cell) => {
      const { apps } = cell.site
      await cell.underLoad(async () => {
        for (let kill = 0; kill < KILLS; kill++) {
          const app = apps[kill % apps.length]
          await app?.stop('SIGKILL')
          await app?.start()
          await pause(Math.random() * 200)
        }
        return undefined
      }, 0)
    },
  },
  {
    name: 'F2',
    title: 'a process is told to stop under load and started again',
    run: async (cell) => {
      const { apps } = cell.site
      const stops: number[] = []
      await cell.underLoad(async () => {
        for (const app of apps) {
          stops.push(performance.now())
          const code = await app.stop('SIGTERM')
          if (code !== 0) cell.complaints.push(`it ended with code ${code}: ${app.output()}`)
          await app.start()
        }
        return undefined
      }, 0)
      // A connection that the process had not accepted before the signal is reset.
      const inFlight = ({ begin, end }: HistoryEvent) =>
        stops.some((stop) => begin < stop - MAX_ACCEPT_MS && end > stop && end < stop + MAX_DRAIN_MS)
      const cut = cell.load.history.filter(({ outcome, status }) => outcome === 'unknown' && status === undefined)
      const unanswered = cut.filter(inFlight)
      if (unanswered.length > 0) cell.complaints.push(`${unanswered.length} requests in flight were not answered`)
    },
  },
  {
    name: 'F13',
    title: 'the processes have no file descriptors left',
    run: async (cell) => {
      const { apps } = cell.site
      await cell.underLoad(async () => {
        const undo = await Promise.all(apps.map(({ pid }) => limitDescriptors(pid, SPARE_DESCRIPTORS)))
        const release = apps.map(({ port }) => holdConnections(port, IDLE_CONNECTIONS))
        return async () => {
          for (const close of release) close()
          await Promise.all(undo.map((raise) => raise()))
        }
      }, 1000)
    },
  },
  {
    name: 'F23',
    title: 'the secret changes in steps, one process after the other',
    run: async (cell) => {
      const { apps, env } = cell.site
      const old = env['SECRET_KEY'] ?? ''
      const steps = [
        { SECRET_KEY: old, SECRET_KEY_FALLBACKS: NEW_SECRET },
        { SECRET_KEY: NEW_SECRET, SECRET_KEY_FALLBACKS: old },
      ]
      await cell.underLoad(async () => {
        for (const step of steps) for (const app of apps) await app.restart(step)
        return undefined
      }, 300)
      await Promise.all(apps.map((app) => app.restart({ SECRET_KEY: old, SECRET_KEY_FALLBACKS: '' })))
    },
  },
]
