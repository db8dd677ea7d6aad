import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'

// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Max bytes of a password, so that hashing huge ones cannot keep the server busy. */
export const MAX_PASSWORD_BYTES = 1024

// Hashing uses libuv's four threads, which SQLite and files share, and one core is left for the event loop: on two cores
// pages take half as long during many sign-ins as with two hashes at a time.
const MAX_HASHING = Math.max(1, Math.min(2, availableParallelism() - 1))

const queue = pLimit(MAX_HASHING)
let maxWaiting = 20
let dummyHash: Promise<string> | undefined

const waitingOf = new Map<string, number>()

/** Too many passwords are waiting to be hashed: of one network 429, of all 503. */
export class PasswordQueueFullError extends Error {
  override readonly name = 'PasswordQueueFullError'
  readonly status: 429 | 503
  readonly headers = { 'Retry-After': '2' }

  constructor(status: 429 | 503) {
    super('Too many passwords are waiting to be hashed.')
    this.status = status
  }
}

/** Sets how many passwords may wait to be hashed in this process, 20 by default; one network has half of it. */
export function limitPasswordQueue(max: number): void {
  maxWaiting = max
}

/**
 * An Argon2id hash with its parameters and salt, as a PHC string.
 *
 * @param network of the visitor; undefined for work that no visitor asked for
 * @throws PasswordQueueFullError
 */
export async function hashPassword(password: string, network?: string): Promise<string> {
  return await inQueue(network, () => hash(password, OPTIONS))
}

/** Verifies a password when its turn has come. */
export type Verify = () => Promise<boolean>

/** Who asks for a verification, and what is done around it. */
export interface Verification {
  /** Of the visitor; undefined for work that no visitor asked for. */
  readonly network?: string | undefined
  /** Called with the verification when its turn has come: to count attempts, of which only a few are under way. */
  readonly around?: (verify: Verify) => Promise<boolean>
}

/**
 * Returns whether the password matches; without a hash it takes as long, so that unknown users cannot be told apart.
 *
 * @throws PasswordQueueFullError
 */
export async function passwordMatches(
  password: string,
  stored: string | undefined,
  { network, around = (verify) => verify() }: Verification = {},
): Promise<boolean> {
  return await inQueue(network, () =>
    around(async () => {
      dummyHash ??= hash('no account has this password', OPTIONS)
      const matches = await verify(stored ?? (await dummyHash), password)
      return stored !== undefined && matches
    }),
  )
}

async function inQueue<T>(network: string | undefined, work: () => Promise<T>): Promise<T> {
  // Before the other check, so that a network which fills the queue gets the 429.
  if (network !== undefined && waitingBy(network) >= maxWaiting / 2) throw new PasswordQueueFullError(429)
  if (queue.pendingCount >= maxWaiting) throw new PasswordQueueFullError(503)
  if (network === undefined) return await queue(work)
  waitingOf.set(network, waitingBy(network) + 1)
  return await queue(() => {
    if (waitingBy(network) > 1) waitingOf.set(network, waitingBy(network) - 1)
    else waitingOf.delete(network)
    return work()
  })
}

const waitingBy = (network: string) => waitingOf.get(network) ?? 0
