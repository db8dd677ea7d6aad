import type { ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '../../../src/database.ts'
import { stopServer } from '../../test-services/processes.mjs'
import { SERVICES } from '../../test-services/services.mjs'
import { type BackendName, isDatabase } from './candidates.ts'

/** The cache and database servers of a benchmark: each is started when it is first needed. */
export class Backends {
  // Not in the project: PostgreSQL does not run as root, and may not be able to reach that.
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  readonly #started = new Map<BackendName, Promise<Backend>>()

  readonly #children: ChildProcess[] = []
  readonly #kill = () => {
    for (const child of this.#children) child.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  constructor() {
    chmodSync(this.#folder, 0o755)
    process.once('exit', this.#kill)
  }

  /** @throws Error if the program is missing, or does not start */
  async urlOf(name: BackendName): Promise<string> {
    return (await this.#of(name)).url
  }

  /** The process id of the server. */
  async pidOf(name: BackendName): Promise<number | undefined> {
    return (await this.#of(name)).pid
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#started.values())
    await Promise.all(this.#children.map(stopServer))
    process.off('exit', this.#kill)
    this.#kill()
  }

  #of(name: BackendName): Promise<Backend> {
    const backend = this.#started.get(name) ?? this.#start(name)
    this.#started.set(name, backend)
    return backend
  }

  async #start(name: BackendName): Promise<Backend> {
    const service = SERVICES.find((one) => one.name === name)
    const program = service?.find()
    if (service === undefined || program === undefined) {
      throw new Error(`There is no ${service?.packageName ?? name} on this machine.`)
    }
    const place = join(this.#folder, name)
    mkdirSync(place)
    const started = await service.start(program, place, true)
    const { url, child, children = child === undefined ? [] : [child] } = started
    this.#children.push(...children)
    if (isDatabase(name)) await whenReady(url)
    // The first of several: Memcached of the tests is two servers.
    return { url: url.split(',', 1)[0] ?? url, pid: children[0]?.pid }
  }
}

const READY_TIMEOUT_MS = 60_000
const READY_INTERVAL_MS = 200

/** A database server accepts connections before it answers queries. */
async function whenReady(url: string): Promise<void> {
  const knex = openDatabase(url)
  const end = Date.now() + READY_TIMEOUT_MS
  try {
    for (;;) {
      try {
        await knex.raw('SELECT 1')
        return
      } catch (error) {
        if (Date.now() > end) throw error
        await sleep(READY_INTERVAL_MS)
      }
    }
  } finally {
    await knex.destroy()
  }
}

interface Backend {
  readonly url: string
  readonly pid: number | undefined
}
