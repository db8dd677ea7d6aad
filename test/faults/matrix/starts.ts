import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../../scripts/test-services/processes.mjs'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import type { Cell, Fault } from './cell.ts'
import { through } from './site.ts'

const MAX_START_MS = 120_000

/** Starts with settings that cannot work. */
export const startFaults: readonly Fault[] = [
  {
    name: 'F15',
    title: 'a process starts where something is missing',
    run: async (cell) => {
      const { setUp, env, folder, clone } = cell.site
      const hasTable = setUp.records === 'table'
      if (hasTable) await refuses(cell, 'no tables', { DATABASE_URL: `sqlite:${join(folder, 'empty.sqlite3')}` })
      await refuses(cell, 'a folder that cannot be written', {
        DATABASE_URL: `sqlite:${join(clone, 'package.json', 'app.sqlite3')}`,
      })
      if (setUp.server === undefined) return
      const gone = through(await freePort(), setUp, env)
      // The database has everything.
      if (setUp.server === 'cache' && hasTable) await starts(cell, 'no cache', gone)
      else await refuses(cell, `no ${setUp.server}`, gone)
    },
  },
]

async function refuses(cell: Cell, what: string, env: Readonly<Record<string, string>>): Promise<void> {
  const { outcome, output } = await start(cell, env)
  if (typeof outcome !== 'number' || outcome === 0) cell.complaints.push(`with ${what} it does not refuse: ${outcome}`)
  else if (/^\s+at /m.test(output)) cell.complaints.push(`with ${what} it prints a stack: ${output}`)
}

async function starts(cell: Cell, what: string, env: Readonly<Record<string, string>>): Promise<void> {
  const { outcome, output } = await start(cell, env)
  if (outcome !== 'listening') cell.complaints.push(`with ${what} it does not start: ${output}`)
}

async function start({ site }: Cell, env: Readonly<Record<string, string>>) {
  const own = { ...site.env, ...env, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'silent' }
  const started = startProcess([TYPESCRIPT, 'src/server.ts'], { cwd: site.clone, env: own })
  const timeout = new AbortController()
  try {
    const outcome = await Promise.race([
      started.ended(),
      started.printed(/ is on http:/).then(
        () => 'listening' as const,
        () => started.ended(),
      ),
      pause(MAX_START_MS, 'nothing' as const, { signal: timeout.signal }),
    ])
    return { outcome, output: started.output() }
  } finally {
    timeout.abort()
    await started.stop('SIGKILL')
  }
}
