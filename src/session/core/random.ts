import { randomFillSync } from 'node:crypto'

// One call of the system's generator takes as long for 4096 bytes as for 12, and as long as half an encryption.
const POOL_BYTES = 4096

let pool = Buffer.alloc(0)
let used = 0

/**
 * Random bytes from the system's CSPRNG, each given out once.
 *
 * @param bytes at most 4096; fewer than about 100, because they are a piece of a larger buffer, which stays in memory with it
 */
export function smallRandom(bytes: number): Buffer {
  if (used + bytes > pool.length) {
    // A new one: pieces of the former may still be in use.
    pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES))
    used = 0
  }
  const start = used
  used += bytes
  return pool.subarray(start, used)
}
