import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startServer, stopServer, whenListening } from '../../scripts/test-services/processes.mjs'
import { eventually } from './eventually.ts'
import type { Owner } from './project.ts'
import { redisCommand } from './redis-command.ts'

const LOCAL = '127.0.0.1'
const CLUSTER_SLOTS = [
  ['0', '5460'],
  ['5461', '10922'],
  ['10923', '16383'],
]

/** A Redis or sentinel of a single test. */
export interface OwnRedis {
  readonly port: number
  readonly child: ChildProcess
  /** Sends one command on a separate connection. */
  command(...args: string[]): Promise<unknown>
}

/** Starts servers on free ports, each in a separate folder, and stops them when the test ends. */
export class RedisServers {
  readonly #program: string
  readonly #running: ChildProcess[] = []
  readonly #folders: string[] = []

  constructor(t: Owner, program: string) {
    this.#program = program
    t.teardown(async () => {
      for (const child of this.#running) child.kill('SIGCONT')
      await Promise.all(this.#running.map(stopServer))
      await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })))
    })
  }

  async start(settings: readonly string[] = [], port?: number, password?: string): Promise<OwnRedis> {
    const own = port ?? (await freePort())
    const folder = await this.#folder()
    return await this.#begin(
      own,
      ['--port', String(own), '--dir', folder, '--bind', LOCAL, '--save', '', ...settings],
      password,
    )
  }

  /** Three masters that share the slots, and know each other. */
  async cluster(): Promise<OwnRedis[]> {
    const nodes = await Promise.all(CLUSTER_SLOTS.map(() => this.#clusterNode()))
    const [first] = nodes
    for (const [index, node] of nodes.entries()) {
      await node.command('CLUSTER', 'ADDSLOTSRANGE', ...(CLUSTER_SLOTS[index] ?? []))
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      if (first !== undefined && node !== first)
        await node.command('CLUSTER', 'MEET', LOCAL, String(first.port), String(first.bus))
    }
    for (const node of nodes) await node.complete(nodes.length)
    return nodes
  }

  /** A master with a replica that follows it, and three sentinels that watch the master as `main`. */
  async sentinels(password?: string): Promise<{ master: OwnRedis; replica: OwnRedis; sentinels: OwnRedis[] }> {
    const locked = password === undefined ? [] : ['--requirepass', password, '--masterauth', password]
    const master = await this.start(locked, undefined, password)
    const replica = await this.start([...locked, '--replicaof', LOCAL, String(master.port)], undefined, password)
    await eventually(
      () => replica.command('INFO', 'replication'),
      (info) => /master_link_status:up/.test(String(info)),
    )
    const sentinels = await Promise.all([1, 2, 3].map(() => this.#sentinel(master.port, password)))
    for (const sentinel of sentinels) {
      await eventually(
        () => sentinel.command('INFO', 'sentinel'),
        (info) => /status=ok,.*slaves=1,sentinels=3/.test(String(info)),
      )
    }
    return { master, replica, sentinels }
  }

  async #clusterNode() {
    // Its default, 10000 above the port, may be beyond all ports.
    const bus = await freePort()
    const own = await this.start(['--cluster-enabled', 'yes', '--cluster-port', String(bus)])
    const complete = async (nodes: number) =>
      await eventually(
        () => own.command('CLUSTER', 'INFO'),
        (info) => new RegExp(`cluster_state:ok[^]*cluster_known_nodes:${nodes}\\r`).test(String(info)),
      )
    return { ...own, complete, bus }
  }

  async #sentinel(masterPort: number, password?: string): Promise<OwnRedis> {
    const port = await freePort()
    const file = join(await this.#folder(), 'sentinel.conf')
    const settings = [
      `port ${port}`,
      `bind ${LOCAL}`,
      `sentinel monitor main ${LOCAL} ${masterPort} 2`,
      'sentinel down-after-milliseconds main 1000',
      'sentinel failover-timeout main 5000',
    ]
    if (password !== undefined) {
      settings.push(
        `requirepass ${password}`,
        `sentinel sentinel-pass ${password}`,
        `sentinel auth-pass main ${password}`,
      )
    }
    await writeFile(file, `${settings.join('\n')}\n`)
    return await this.#begin(port, [file, '--sentinel'], password)
  }

  async #begin(port: number, args: string[], password?: string): Promise<OwnRedis> {
    const child = startServer(this.#program, args)
    this.#running.push(child)
    await whenListening(port, child)
    return { port, child, command: (...parts) => redisCommand(port, password, parts) }
  }

  async #folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'))
    this.#folders.push(folder)
    return folder
  }
}
