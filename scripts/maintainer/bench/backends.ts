import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { findProgram, freePort, startServer, whenListening } from '../../test-services/processes.mjs'
import type { BackendName } from './candidates.ts'

/** A cache server of the benchmark. */
export interface Backend {
  /** The value of CACHE_URL. */
  readonly url: string
  stop(): Promise<void>
}

const HOST = '127.0.0.1'

const PROGRAMS: Readonly<Record<BackendName, { program: string; args: (port: string) => string[] }>> = {
  redis: {
    program: 'redis-server',
    args: (port) => ['--port', port, '--bind', HOST, '--save', '', '--appendonly', 'no'],
  },
  memcached: {
    program: 'memcached',
    // It refuses to run as root.
    args: (port) => ['-l', HOST, '-p', port, '-U', '0', ...(process.getuid?.() === 0 ? ['-u', 'nobody'] : [])],
  },
}

/** @throws Error if the program is missing, or does not start */
export async function startBackend(name: BackendName): Promise<Backend> {
  const { program, args } = PROGRAMS[name]
  const file = findProgram([program])
  if (file === undefined) throw new Error(`There is no ${program} on this machine.`)
  const port = await freePort()
  const child = startServer(file, args(String(port)))
  const kill = () => void child.kill()
  process.once('exit', kill)
  await whenListening(port, child).catch((error: unknown) => {
    throw new Error(`${program} did not start: ${error instanceof Error ? error.message : String(error)}.`)
  })
  return {
    url: `${name}://${HOST}:${port}`,
    async stop() {
      process.off('exit', kill)
      await end(child)
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}
