import { setTimeout as pause } from 'node:timers/promises'
import { DAMAGES, type Damage, damaged, damageFiles, damageMemcached, damageRedis, damageTable } from '../kit/damage.ts'
import type { Visitor } from '../kit/load.ts'
import type { Cell, Fault } from './cell.ts'

const ROUNDS = 4
// write_behind has written to the database by then.
const WRITTEN_MS = 300

/** Records that somebody or something has changed. */
export const damageFaults: readonly Fault[] = [
  {
    name: 'F11',
    title: 'stored sessions are damaged',
    everywhere: true,
    without: ({ cache }) => (cache === 'memory' ? 'nothing reaches the memory of the process' : undefined),
    run: async (cell) => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const kind of DAMAGES) await damageAll(cell, { kind, place: Math.random() })
      }
      await cell.load.readAll()
    },
  },
]

async function damageAll(cell: Cell, damage: Damage): Promise<void> {
  const { load, site } = cell
  for (const visitor of load.visitors) {
    if (visitor.session === null) await load.login(visitor, 0)
    await load.add(visitor, 0)
  }
  await pause(WRITTEN_MS)
  const onlyRecords = site.redis === undefined || site.setUp.records === 'cache'
  const begin = performance.now()
  await damageRecords(cell, damage)
  for (const { session, user } of load.visitors) {
    // It may be anonymous from now on.
    if (session !== null && onlyRecords) load.noteEnding(session, user, begin, 'unknown')
  }
  for (const [process] of site.apps.entries()) {
    for (const visitor of load.visitors) {
      const read = async () => (visitor.session === null ? undefined : await load.read(visitor, process))
      // Once more, in case that it was only the load.
      const event = (await read())?.outcome === 'unknown' ? await read() : undefined
      if (event?.outcome === 'unknown') cell.complaints.push(`${damage.kind} at ${damage.place}: ${event.status}`)
    }
  }
}

async function damageRecords({ load, site }: Cell, damage: Damage): Promise<void> {
  const { setUp, redis, server, knex, files } = site
  if (setUp.records === 'cookies') for (const visitor of load.visitors) damageCookie(visitor, damage)
  else if (setUp.records === 'files') damageFiles(files, damage)
  else if (redis !== undefined) await damageRedis(redis, damage)
  else if (setUp.records === 'cache') await damageMemcached(server?.port ?? 0, damage)
  else await damageTable(knex, damage)
}

function damageCookie({ cookies }: Visitor, damage: Damage): void {
  const value = cookies.get('sessionid')
  if (value !== undefined) cookies.set('sessionid', damaged(Buffer.from(value), damage).toString('latin1'))
}
