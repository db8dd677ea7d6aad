import type { Cache } from '../../src/session/caches/cache.ts'
import { StoreUnavailableError } from '../../src/session/core/errors.ts'
import type { CopiedStore } from '../../src/session/stores/store.ts'

/** A real cache, or store, whose verbs a test can stop at, or cut off as an outage would. */
export interface Steered<T> {
  readonly steered: T
  /** While true every verb fails before it reaches the real one. */
  out: boolean
  /** While true every verb is carried out, and its answer lost. */
  deaf: boolean
  readonly calls: string[]
  /** Stops the next call of the verb before it is carried out; resolves when it has arrived, with what lets it go on. */
  stopAt(verb: string): Promise<() => void>
}

export function steer<T extends object>(real: T): Steered<T> {
  const stops = new Map<string, (goOn: () => void) => void>()
  const state = { out: false, deaf: false, calls: [] as string[] }
  const wrap = <O extends object>(object: O): O =>
    new Proxy(object, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function' || typeof name !== 'string') return member
        if (name === 'ahead') return (index: string) => wrap<object>(Object(member.call(target, index)))
        return async (...args: unknown[]) => {
          state.calls.push(name)
          const arrived = stops.get(name)
          if (arrived !== undefined) {
            stops.delete(name)
            await new Promise<void>((goOn) => arrived(goOn))
          }
          if (state.out) throw new StoreUnavailableError()
          const answer: unknown = await member.apply(target, args)
          if (state.deaf) throw new StoreUnavailableError()
          return answer
        }
      },
    })
  return Object.assign(state, {
    steered: wrap(real),
    stopAt: (verb: string) => new Promise<() => void>((resolve) => stops.set(verb, resolve)),
  })
}

/** The name of a record's copy in a cache. */
export async function copyName({ epochs }: CopiedStore, key: string): Promise<string> {
  const { epoch } = await epochs.readEpoch()
  return `session:1:copy:${epoch}:${key}`
}

/** The entries that a cache holds under these keys of a session store, as versions. */
export async function versionsIn(
  database: CopiedStore,
  cache: Cache,
  ...keys: string[]
): Promise<(string | undefined)[]> {
  return await Promise.all(keys.map(async (key) => (await cache.get(await copyName(database, key)))?.version))
}
