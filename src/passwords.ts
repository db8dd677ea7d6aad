import { hash, verify } from '@node-rs/argon2'

// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Longest password in bytes, so that hashing a huge one is no way to keep the server busy. */
export const PASSWORD_BYTES = 1024

let decoy: Promise<string> | undefined

/** An Argon2id hash with its parameters and salt, as PHC text. */
export async function hashPassword(password: string): Promise<string> {
  return await hash(password, OPTIONS)
}

/** Compares with a hash; without one the same work is done, so that unknown users take as long as known ones. */
export async function passwordMatches(password: string, stored: string | undefined): Promise<boolean> {
  decoy ??= hashPassword('no account has this password')
  const matches = await verify(stored ?? (await decoy), password)
  return stored !== undefined && matches
}
