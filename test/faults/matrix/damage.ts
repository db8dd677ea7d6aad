import { setTimeout as pause } from 'node:timers/promises'
import { DAMAGES, type Damage, damaged, damageFiles, damageMemcached, damageRedis, damageTable } from '../kit/damage.ts'
import type { Visitor } from '../kit/visitor.ts'
import type { Cell, Fault } from './cell.ts'

const ROUNDS = 4
const COOKIE = 'sessionid'
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
    if (visitor.session === null) await load.signIn(visitor, 0)
    await load.add(visitor, 0)
  }
  if (site.setUp.records === 'cookies') {
    for (const visitor of load.visitors) await readDamaged(cell, visitor, damage)
    return
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

async function damageRecords({ site }: Cell, damage: Damage): Promise<void> {
  const { setUp, redis, server, knex, files } = site
  if (setUp.records === 'files') damageFiles(files, damage)
  else if (redis !== undefined) await damageRedis(redis, damage)
  else if (setUp.records === 'cache') await damageMemcached(server?.port ?? 0, damage)
  else await damageTable(knex, damage)
}

/** The visitor keeps the cookie as it was; the damaged one stands for no session. */
async function readDamaged(cell: Cell, visitor: Visitor, damage: Damage): Promise<void> {
  const value = visitor.cookies.get(COOKIE) ?? ''
  const cookie = `${COOKIE}=${damaged(Buffer.from(value), damage).toString('latin1')}`
  for (const [process] of cell.site.apps.entries()) {
    const { status } = await cell.load.readWith(visitor, process, { cookie, session: 'a damaged cookie' })
    if (status !== 200) cell.complaints.push(`${damage.kind} at ${damage.place}: ${status}`)
  }
}
