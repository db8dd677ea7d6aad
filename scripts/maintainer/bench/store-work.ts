import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { SessionStore } from '../../../src/session/index.ts'
import { clearSessions } from '../../../src/session/stores/clear.ts'
import { canClear } from '../../../src/session/stores/store.ts'

/** Work on the store of a server under test, in its process. */
export type StoreWork =
  /** Creates so many records of a small session's size. */
  | { readonly type: 'fill'; readonly count: number; readonly expired: boolean }
  | { readonly type: 'clear' }
  /** Collects garbage, and then tells how much memory is left. */
  | { readonly type: 'memory' }

export interface StoreAnswer {
  /** Of fill and clear. */
  readonly milliseconds?: number
  /** Records that were deleted; undefined if the store deletes expired records by itself. */
  readonly cleared?: number
  /** Bytes. */
  readonly memory?: { readonly resident: number; readonly heap: number; readonly external: number }
}

const MAX_CONCURRENT = 64
// Encoded, as much as a session of 300 bytes.
const DATA_BYTES = 330
const DAY_MS = 86_400_000

export async function workOn(store: SessionStore | undefined, work: StoreWork): Promise<StoreAnswer> {
  if (work.type === 'memory') return { memory: await memoryInUse() }
  if (store === undefined) throw new Error('This candidate has no store.')
  const start = performance.now()
  if (work.type === 'fill') {
    await fill(store, work.count, work.expired)
    return { milliseconds: performance.now() - start }
  }
  if (!canClear(store)) return {}
  const cleared = await clearSessions(store, { kind: 'expired', before: Date.now() })
  return { cleared, milliseconds: performance.now() - start }
}

async function fill(store: SessionStore, count: number, expired: boolean): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const now = Date.now()
      await store.create(randomBytes(32).toString('base64url'), {
        data: randomBytes(DATA_BYTES).toString('base64url'),
        expires: expired ? now - 1000 : now + DAY_MS,
        createdAt: now - DAY_MS,
        lastActivity: now - DAY_MS,
        userId: null,
        sessionId: randomBytes(12).toString('base64url'),
        ipAddress: '127.0.0.1',
        userAgent: 'bench',
      })
    }
  }
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, worker))
}

async function memoryInUse() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Buffers are given back after a collection has found them, and finalizers have run.
  for (let turn = 0; turn < 3; turn++) {
    collect()
    await new Promise(setImmediate)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { resident: rss, heap: heapUsed, external }
}
