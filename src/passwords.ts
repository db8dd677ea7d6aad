import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'

// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Max bytes of a password, so that hashing huge ones cannot keep the server busy. */
export const MAX_PASSWORD_BYTES = 1024

// Hashing uses libuv's four threads, which SQLite and files share, and one core is left for the event loop.
const MAX_HASHING = Math.max(1, Math.min(2, availableParallelism() - 1))

const queue = pLimit(MAX_HASHING)
let maxWaiting = 20
let dummyHash: Promise<string> | undefined

/** 503: too many passwords are waiting to be hashed. */
export class PasswordQueueFullError extends Error {
  override readonly name = 'PasswordQueueFullError'
  readonly status = 503
  readonly headers = { 'Retry-After': '2' }
}

/** Sets how many passwords may wait to be hashed in this process; 20 by default. */
export function limitPasswordQueue(max: number): void {
  maxWaiting = max
}

/**
 * An Argon2id hash with its parameters and salt, as a PHC string.
 *
 * @throws PasswordQueueFullError
 */
export async function hashPassword(password: string): Promise<string> {
  return await inQueue(() => hash(password, OPTIONS))
}

/** Verifies a password when its turn has come. */
export type Verify = () => Promise<boolean>

/**
 * Returns whether the password matches; without a hash it takes as long, so that unknown users cannot be told apart.
 *
 * @param around called with the verification when its turn has come: to count attempts, of which only a few are under way
 * @throws PasswordQueueFullError
 */
export async function passwordMatches(
  password: string,
  stored: string | undefined,
  around: (verify: Verify) => Promise<boolean> = (verify) => verify(),
): Promise<boolean> {
  return await inQueue(() =>
    around(async () => {
      dummyHash ??= hash('no account has this password', OPTIONS)
      const matches = await verify(stored ?? (await dummyHash), password)
      return stored !== undefined && matches
    }),
  )
}

async function inQueue<T>(work: () => Promise<T>): Promise<T> {
  if (queue.pendingCount >= maxWaiting) throw new PasswordQueueFullError()
  return await queue(work)
}
