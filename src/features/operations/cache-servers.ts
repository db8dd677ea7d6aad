import { Gauge, type Registry } from 'prom-client'
import { z } from 'zod'
import { within } from '../../session/core/timeout.ts'

/** What one server of a cache says of itself: numbers by name. */
export interface ServerFigures {
  readonly up: boolean
  readonly figures: Readonly<Record<string, number>>
  /** The same for each size of items that the server keeps (memcached). */
  readonly slabs: readonly { readonly itemBytes: number; readonly figures: Readonly<Record<string, number>> }[]
}

// A scrape must end although a server is silent.
const TIMEOUT = 1000

const told = z.record(z.string(), z.unknown())
const several = z.union([z.array(told), told.transform((one) => [one])])

/** What the servers of the cache say of themselves, in their order; undefined where they do not answer in time. */
export async function serverFigures(ask: () => Promise<unknown>): Promise<ServerFigures[] | undefined> {
  const answer = await within(ask(), TIMEOUT).catch(() => undefined)
  const parsed = several.safeParse(answer)
  return parsed.success ? parsed.data.map(readServer) : undefined
}

/** Adds what the servers say to every scrape. Servers are numbered: where they are is nobody's business. */
export function collectServerFigures(registry: Registry, ask: () => Promise<unknown>): void {
  const slab = new Gauge({
    name: 'holdfast_cache_server_slab',
    help: 'What a memcached server says of the items of one size.',
    labelNames: ['server', 'item_bytes', 'figure'],
    registers: [registry],
  })
  new Gauge({
    name: 'holdfast_cache_server',
    help: 'What a server of the cache says of itself; up: 1 if it answers.',
    labelNames: ['server', 'figure'],
    registers: [registry],
    async collect() {
      const servers = await serverFigures(ask)
      this.reset()
      slab.reset()
      for (const [server, { up, figures, slabs }] of (servers ?? []).entries()) {
        this.set({ server, figure: 'up' }, up ? 1 : 0)
        for (const [figure, value] of Object.entries(figures)) this.set({ server, figure }, value)
        for (const { itemBytes, figures: own } of slabs) {
          for (const [figure, value] of Object.entries(own)) slab.set({ server, item_bytes: itemBytes, figure }, value)
        }
      }
    },
  })
}

function readServer(server: Record<string, unknown>): ServerFigures {
  const slabs = z.array(told).safeParse(server['slabs'])
  return {
    up: server['up'] !== false,
    figures: numbers(server),
    slabs: (slabs.success ? slabs.data : []).map((one) => {
      const { item_bytes: itemBytes = 0, ...figures } = numbers(one)
      return { itemBytes, figures }
    }),
  }
}

function numbers(told: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(told).flatMap(([name, value]) =>
      typeof value === 'number' && Number.isFinite(value) ? [[snakeCase(name), value] as const] : [],
    ),
  )
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
