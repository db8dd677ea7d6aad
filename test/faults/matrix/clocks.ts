import type { Cell, Fault } from './cell.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const SKEW_MS = 30_000

/** What the clocks of the application's processes can do. */
export const clockFaults: readonly Fault[] = [
  {
    name: 'F16',
    title: 'the clock jumps 30 days ahead, and back',
    run: async (cell) => {
      const { load, site } = cell
      for (const visitor of load.visitors) {
        await load.signIn(visitor, 0)
        await load.add(visitor, 0)
      }
      const begin = performance.now()
      await setClocks(cell, 30 * DAY_MS)
      for (const { session, user } of load.visitors) {
        if (session !== null) load.noteEnding(session, user, begin, 'ok')
      }
      // With this clock all of them have expired; reading ends them for good.
      for (const [process] of site.apps.entries()) {
        for (const visitor of load.visitors) if (visitor.session !== null) await load.read(visitor, process)
      }
      await load.readAll()
      await setClocks(cell, 0)
      await load.readAll()
      await cell.underLoad(async () => undefined, 300)
    },
  },
  {
    name: 'F17',
    title: 'the clock goes back two hours, and forward again',
    run: async (cell) => {
      await cell.underLoad(async () => {
        await setClocks(cell, -2 * HOUR_MS)
        return async () => await setClocks(cell, 0)
      }, 600)
    },
  },
  {
    name: 'F18',
    title: 'one clock is 30 seconds ahead of the other',
    run: async (cell) => {
      await cell.site.apps.at(-1)?.setClock(SKEW_MS)
      await cell.underLoad(async () => undefined, 600)
      await setClocks(cell, 0)
    },
  },
]

async function setClocks({ site }: Cell, ahead: number): Promise<void> {
  await Promise.all(site.apps.map((app) => app.setClock(ahead)))
}
