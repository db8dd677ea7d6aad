import { Gauge, type Registry } from 'prom-client'
import { z } from 'zod'
import { withTimeout } from '../../session/core/timeout.ts'

/** The statistics of one cache server: numbers by name. */
export interface ServerFigures {
  readonly up: boolean
  readonly figures: Readonly<Record<string, number>>
  /** The same for each slab class (Memcached). */
  readonly slabs: readonly { readonly itemBytes: number; readonly figures: Readonly<Record<string, number>> }[]
}

// A scrape must end even if a server does not answer.
const TIMEOUT_MS = 1000

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
  const slab = new Gauge({
    name: 'holdfast_cache_server_slab',
    help: 'Statistics of one slab class of a Memcached server.',
    labelNames: ['server', 'item_bytes', 'figure'],
    registers: [registry],
  })
  new Gauge({
    name: 'holdfast_cache_server',
    help: 'Statistics of a cache server; up: 1 if it answers.',
    labelNames: ['server', 'figure'],
    registers: [registry],
    async collect() {
      const servers = await serverFigures(ask)
      this.reset()
      slab.reset()
      for (const [server, { up, figures, slabs }] of (servers ?? []).entries()) {
        this.set({ server, figure: 'up' }, up ? 1 : 0)
        for (const [figure, value] of Object.entries(figures)) this.set({ server, figure }, value)
        for (const { itemBytes, figures: slabFigures } of slabs) {
          for (const [figure, value] of Object.entries(slabFigures))
            slab.set({ server, item_bytes: itemBytes, figure }, value)
        }
      }
    },
  })
}

function readServer(server: Record<string, unknown>): ServerFigures {
  const slabs = z.array(statistics).safeParse(server['slabs'])
  return {
    up: server['up'] !== false,
    figures: numbers(server),
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
