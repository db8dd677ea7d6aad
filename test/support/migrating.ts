import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../src/paths.ts'
import { USER_KEY } from '../../src/session/core/user.ts'
import type { Engine } from '../../src/session/engines/engine.ts'
import { MigratingEngine } from '../../src/session/engines/migrating/migrating.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../src/session/stores/revocations.ts'
import { EXPIRY, START } from './engine.ts'
import type { MigratableEngine } from './migratable.ts'
import { begun } from './requests.ts'

/** Steps before and after each call of a store, a cache or revocations. */
export class Steps {
  #step = async () => {}

  /** A proxy whose calls are steps. */
  watch<T extends object>(real: T): T {
    return new Proxy(real, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]) => {
          await this.#step()
          const answer: unknown = await member.apply(target, args)
          await this.#step()
          return answer
        }
      },
    })
  }

  /** Does the work, with something else at each of its steps; calls made by it are not steps. Returns how many. */
  async during(work: () => Promise<unknown>, each: (step: number) => Promise<void>): Promise<number> {
    let steps = 0
    let within = false
    this.#step = async () => {
      if (within) return
      within = true
      try {
        await each(++steps)
      } finally {
        within = false
      }
    }
    try {
      await work()
    } finally {
      this.#step = async () => {}
    }
    return steps
  }
}

const found: MigratableEngine[] = []
const folder = join(projectRoot, 'test', 'storage', 'engines')
for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
  if (!file.endsWith('.migration.ts')) continue
  const module: { default: readonly MigratableEngine[] } = await import(`../storage/engines/${file}`)
  found.push(...module.default)
}

/** Engines that sessions migrate from and to. */
export const ENGINES: Readonly<Record<string, MigratableEngine>> = Object.fromEntries(
  found.map((engine) => [engine.name, engine]),
)

const NAMES = Object.keys(ENGINES)
export const PAIRS = NAMES.flatMap((from) => NAMES.map((to) => [from, to] as const)).filter(
  ([from, to]) =>
    from !== to &&
    !(from.startsWith('hybrid') && to.startsWith('hybrid')) &&
    // What needs a record fits in no cookie.
    !(`${from} ${to}`.includes('record') && `${from} ${to}`.includes('signed_cookies')),
)

/** Two engines with records on the server; undefined where the project has none. */
export const SERVER_PAIR = PAIRS.find(([from, to]) => ENGINES[from]?.server && ENGINES[to]?.server)

/** A site during, before and after a migration of its sessions. */
export function bench(from: string, to: string, sharesRecords = false) {
  const clock = { now: START }
  const now = () => clock.now
  const steps = new Steps()
  const revocations = steps.watch(new MemoryRevocations({ now }))
  const storage = () => ({
    now,
    revocations,
    store: steps.watch(new MemoryStore({ now })),
    watch: <T extends object>(real: T) => steps.watch(real),
  })
  const there = storage()
  const [openSource, openTarget] = [engineNamed(from).at(there), engineNamed(to).at(sharesRecords ? there : storage())]
  const engines = (moves = true) => {
    const [source, target] = [openSource(), openTarget()]
    return { source, target, engine: new MigratingEngine({ target, source, moves, sharesRecords, now }) as Engine }
  }
  const { source, target, engine } = engines()
  const common = { clock, now, expiry: EXPIRY, observe: () => undefined }
  const filler = FILLER.slice(0, Math.max(ENGINES[from]?.filler ?? 0, ENGINES[to]?.filler ?? 0))
  const migrating = { ...common, engine }
  // Another process, for requests of one process wait for each other.
  const other = { ...common, engine: engines().engine }
  const before = { ...common, engine: source.engine }
  // A process in the step before, which finds sessions in both and moves none.
  const staying = { ...common, engine: engines(false).engine }
  const start = () => begun(before, { [USER_KEY]: '7', n: 0, filler })
  return { migrating, other, staying, before, after: { ...common, engine: target.engine }, target, start, clock, steps }
}

function engineNamed(name: string): MigratableEngine {
  const engine = ENGINES[name]
  if (engine === undefined) throw new Error(`There is no engine ${name}`)
  return engine
}

const FILLER = noise(5000)

/** Text that does not deflate. */
export function noise(length: number): string {
  let seed = 7
  return Array.from({ length }, () => {
    seed = (seed * 48271) % 2147483647
    return String.fromCharCode(33 + (seed % 90))
  }).join('')
}
