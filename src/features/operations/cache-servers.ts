import { Gauge, type Registry } from 'prom-client'
import { z } from 'zod'
import { withTimeout } from '../../session/core/timeout.ts'

/** The statistics of one cache server: numbers by name. */
export interface ServerFigures {
  readonly up: boolean
  readonly figures: Readonly<Record<string, number>>
  /** The same for each slab class (Memcached). */
  readonly slabs: readonly { readonly itemBytes: number; readonly figures: Readonly<Record<string, number>> }[]
  /** The latest slow commands, the newest first (Redis); `at` is ms since 1970. */
  readonly slowCommands: readonly z.infer<typeof slowCommand>[]
}

// A scrape must end even if a server does not answer.
const TIMEOUT_MS = 1000

const slowCommand = z.object({ command: z.string(), microseconds: z.number(), at: z.number() })
const statistics = z.record(z.string(), z.unknown())
const oneOrMore = z.union([z.array(statistics), statistics.transform((one) => [one])])

/** The statistics of the cache servers, in their order; undefined if they do not answer in time. */
export async function serverFigures(ask: () => Promise<unknown>): Promise<ServerFigures[] | undefined> {
  const answer = await withTimeout(ask(), TIMEOUT_MS).catch(() => undefined)
  const parsed = oneOrMore.safeParse(answer)
  return parsed.success ? parsed.data.map(readServer) : undefined
}

/** Adds the statistics of the servers to every scrape. Servers are numbered, so that addresses stay private. */
export function collectServerFigures(registry: Registry, ask: () => Promise<unknown>): void {
  const registers = [registry]
  let asking: Promise<ServerFigures[]> | undefined
  // Shared by the series of a scrape, each of which is read when its own collect() has ended.
  const servers = async () => {
    asking ??= serverFigures(ask).then((found) => found ?? [])
    const found = await asking
    asking = undefined
    return found.entries()
  }
  new Gauge({
    name: 'holdfast_cache_server_slab',
    help: 'Statistics of one slab class of a Memcached server.',
    labelNames: ['server', 'item_bytes', 'figure'],
    registers,
    async collect() {
      const found = await servers()
      this.reset()
      for (const [server, { slabs }] of found) {
        for (const { itemBytes, figures } of slabs) {
          for (const [figure, value] of Object.entries(figures)) {
            this.set({ server, item_bytes: itemBytes, figure }, value)
          }
        }
      }
    },
  })
  new Gauge({
    name: 'holdfast_cache_server_slow_command_seconds',
    help: 'The longest of the latest slow commands of a Redis server, by name.',
    labelNames: ['server', 'command'],
    registers,
    async collect() {
      const found = await servers()
      this.reset()
      for (const [server, { slowCommands }] of found) {
        for (const [command, microseconds] of longest(slowCommands)) {
          this.set({ server, command }, microseconds / 1_000_000)
        }
      }
    },
  })
  new Gauge({
    name: 'holdfast_cache_server',
    help: 'Statistics of a cache server; up: 1 if it answers.',
    labelNames: ['server', 'figure'],
    registers,
    async collect() {
      const found = await servers()
      this.reset()
      for (const [server, { up, figures }] of found) {
        this.set({ server, figure: 'up' }, up ? 1 : 0)
        for (const [figure, value] of Object.entries(figures)) this.set({ server, figure }, value)
      }
    },
  })
}

function longest(commands: ServerFigures['slowCommands']): Map<string, number> {
  const found = new Map<string, number>()
  for (const { command, microseconds } of commands) {
    found.set(command, Math.max(found.get(command) ?? 0, microseconds))
  }
  return found
}

function readServer(server: Record<string, unknown>): ServerFigures {
  const slabs = z.array(statistics).safeParse(server['slabs'])
  const slow = z.array(slowCommand).safeParse(server['slowCommands'])
  return {
    up: server['up'] !== false,
    figures: numbers(server),
    slowCommands: slow.success ? slow.data : [],
    slabs: (slabs.success ? slabs.data : []).map((slab) => {
      const { item_bytes: itemBytes = 0, ...figures } = numbers(slab)
      return { itemBytes, figures }
    }),
  }
}

function numbers(statistics: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(statistics).flatMap(([name, value]) =>
      typeof value === 'number' && Number.isFinite(value) ? [[snakeCase(name), value] as const] : [],
    ),
  )
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
