import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { findProgram } from '../../test-services/processes.mjs'

/** How a server is kept from taking time from the load, and the load from it. */
export interface Cores {
  /** What to put before a server's command. */
  readonly serverPrefix: readonly string[]
  readonly description: string
}

/**
 * Leaves the first core that this process may use to the server under test. This process, and with it whatever it
 * starts from here on, moves to the others.
 */
export function separateCores(): Cores {
  const taskset = findProgram(['taskset'])
  const [first, ...rest] = allowedCores()
  if (taskset === undefined) return unseparated('there is no taskset')
  if (first === undefined || rest.length === 0) return unseparated('there is one core only')
  try {
    execFileSync(taskset, ['-a', '-c', '-p', rest.join(','), String(process.pid)], { stdio: 'ignore' })
  } catch {
    return unseparated('taskset is refused')
  }
  return {
    serverPrefix: [taskset, '-c', String(first)],
    description: `server pinned to core ${first}, everything else to ${rest.join(', ')}`,
  }
}

function unseparated(reason: string): Cores {
  return { serverPrefix: [], description: `not pinned to cores: ${reason}` }
}

function allowedCores(): number[] {
  const status = '/proc/self/status'
  if (!existsSync(status)) return []
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(status, 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
