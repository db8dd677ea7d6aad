import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import type { Fault } from './cell.ts'

const EXPIRED = 20_000
const BATCH = 100

/** The clean-up of many expired sessions. */
export const sweepFaults: readonly Fault[] = [
  {
    name: 'F22',
    title: `${EXPIRED} expired sessions are cleared under load`,
    without: ({ records, env }) =>
      records === 'table' || env['CACHE_FALLBACK'] === 'db' ? undefined : 'its sessions expire by themselves',
    run: async (cell) => {
      const { knex, env, clone } = cell.site
      const rows = Array.from({ length: EXPIRED }, (_, number) => {
        return {
          session_key: `expired-${number}`,
          data: 'old',
          version: 1,
          expires: 1000,
          created_at: 1,
          last_activity: 1,
        }
      })
      await knex.batchInsert('sessions', rows, BATCH)
      await cell.underLoad(async () => {
        const clearing = startProcess([TYPESCRIPT, 'scripts/sessions.ts', 'clear'], { cwd: clone, env: { ...env } })
        const code = await clearing.ended()
        if (code !== 0) cell.complaints.push(`the clearing ended with code ${code}: ${clearing.output()}`)
        return undefined
      }, 0)
      const [left] = await knex('sessions').where('expires', 1000).count({ count: '*' })
      if (Number(left?.['count']) > 0) cell.complaints.push(`${left?.['count']} expired sessions are left`)
    },
  },
]
