import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { findProgram } from '../../test-services/processes.mjs'

/** How server and load are kept on different cores. */
export interface Cores {
  /** The prefix of a server's command. */
  readonly serverPrefix: readonly string[]
  readonly description: string
}

/**
 * Reserves the first core for the server under test. This process, and what it starts from now on, use the others.
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
