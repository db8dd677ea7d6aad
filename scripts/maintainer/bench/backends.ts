import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { stopServer } from '../../test-services/processes.mjs'
import { SERVICES } from '../../test-services/services.mjs'
import type { BackendName } from './candidates.ts'

/** The cache and database servers of a benchmark: each is started when it is first needed. */
export class Backends {
  readonly #folder: string
  readonly #started = new Map<BackendName, Promise<Backend>>()

  /** @param folder where servers may keep data; made readable for others */
  constructor(folder: string) {
    this.#folder = join(folder, 'servers')
    mkdirSync(this.#folder)
    // PostgreSQL does not run as root.
    chmodSync(folder, 0o755)
  }

  /** @throws Error if the program is missing, or does not start */
  async urlOf(name: BackendName): Promise<string> {
    return (await this.#of(name)).url
  }

  /** The process id of the server. */
  async pidOf(name: BackendName): Promise<number | undefined> {
    return (await this.#of(name)).children[0]?.pid
  }

  async stop(): Promise<void> {
    const started = await Promise.allSettled(this.#started.values())
    const children = started.flatMap((result) => (result.status === 'fulfilled' ? result.value.children : []))
    await Promise.all(children.map(stopServer))
  }

  #of(name: BackendName): Promise<Backend> {
    const backend = this.#started.get(name) ?? start(name, this.#folder)
    this.#started.set(name, backend)
    return backend
  }
}

type Backend = Awaited<ReturnType<typeof start>>

async function start(name: BackendName, folder: string) {
  const service = SERVICES.find((one) => one.name === name)
  const program = service?.find()
  if (service === undefined || program === undefined) {
    throw new Error(`There is no ${service?.packageName ?? name} on this machine.`)
  }
  const place = join(folder, name)
  mkdirSync(place)
  const { url, child, children = child === undefined ? [] : [child] } = await service.start(program, place, true)
  process.once('exit', () => {
    for (const one of children) one.kill()
  })
  // The tests' Memcached is two servers.
  return { url: name === 'memcached' ? (url.split(',', 1)[0] ?? url) : url, children }
}
