import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import createKnex from 'knex'
import { findPostgres, preparePostgres } from '../../../scripts/test-services/postgres.mjs'
import { findProgram, freePort, startServer, whenListening } from '../../../scripts/test-services/processes.mjs'
import { eventually } from '../../support/eventually.ts'
import type { Owner } from '../../support/project.ts'
import { RedisServers } from '../../support/redis-servers.ts'

// Knex would print every attempt while it starts.
const SILENT = { warn() {}, error() {}, deprecate() {}, debug() {} }

/** A private server that a test may freeze, kill and start again. */
export interface Backend {
  readonly port: number
  freeze(): void
  thaw(): void
  /** Without a chance to write anything. */
  kill(): Promise<void>
  /** Starts it again with what it had written. */
  start(): Promise<void>
}

/** A private Redis that appends every write to a file. */
export interface RedisBackend extends Backend {
  command(...args: string[]): Promise<unknown>
}

export async function redisBackend(owner: Owner, program: string): Promise<RedisBackend> {
  const folder = await newFolder(owner)
  const servers = new RedisServers(owner, program)
  const settings = ['--dir', folder, '--appendonly', 'yes', '--maxmemory-policy', 'noeviction']
  let server = await servers.start(settings)
  const { port } = server
  return {
    port,
    ...signals(() => [server.child.pid]),
    kill: async () => await killed(server.child),
    async start() {
      server = await servers.start(settings, port)
      await eventually(
        () => server.command('PING'),
        (answer) => answer === 'PONG',
      )
    },
    command: (...args) => server.command(...args),
  }
}

/** A private PostgreSQL whose commits survive a crash of the server, though not of the machine. */
export interface PostgresBackend extends Backend {
  readonly url: string
}

export async function postgresBackend(owner: Owner): Promise<PostgresBackend> {
  const program = findPostgres()
  if (program === undefined) throw new Error('There is no PostgreSQL')
  const start = preparePostgres(program, join(await newFolder(owner), 'data'))
  const port = await freePort()
  let { child, url } = await start(port)
  await whenReady(url)
  const family = () => [child.pid, ...childrenOf(child.pid)]
  owner.teardown(async () => {
    signals(family).thaw()
    await killed(child)
  })
  return {
    port,
    url,
    // Its processes are in groups of their own.
    ...signals(family),
    async kill() {
      const pids = childrenOf(child.pid)
      await killed(child)
      for (const pid of pids) tryKill(pid, 'SIGKILL')
    },
    async start() {
      // Until the last of the old processes is gone, it refuses.
      ;({ child } = await eventually(() => start(port)))
      await whenReady(url)
    },
  }
}

/** It listens before it takes queries. */
async function whenReady(url: string): Promise<void> {
  await eventually(async () => {
    const knex = createKnex({ client: 'pg', connection: url, log: SILENT })
    try {
      await knex.raw('select 1')
    } finally {
      await knex.destroy()
    }
  })
}

/** A private Memcached, which has nothing after a restart. */
export async function memcachedBackend(owner: Owner): Promise<Backend> {
  const program = findProgram(['memcached'])
  if (program === undefined) throw new Error('There is no Memcached')
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const start = async () => {
    const child = startServer(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user])
    await whenListening(port, child)
    return child
  }
  let child = await start()
  owner.teardown(async () => await killed(child))
  return {
    port,
    ...signals(() => [child.pid]),
    kill: async () => await killed(child),
    async start() {
      child = await start()
    },
  }
}

/** A folder that is deleted at the end. */
export async function newFolder(owner: Owner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function signals(pids: () => readonly (number | undefined)[]): Pick<Backend, 'freeze' | 'thaw'> {
  return {
    freeze: () => {
      for (const pid of pids()) tryKill(pid, 'SIGSTOP')
    },
    thaw: () => {
      for (const pid of pids()) tryKill(pid, 'SIGCONT')
    },
  }
}

/** Some processes end by themselves. */
function tryKill(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal)
  } catch {}
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

function childrenOf(pid: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => parentOf(one) === pid)
}

function parentOf(pid: number): number | undefined {
  try {
    const [, parent] = /^.*\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return Number(parent)
  } catch {
    return undefined
  }
}
