import { hash, verify } from '@node-rs/argon2'

// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Max bytes of a password, so that hashing huge ones cannot keep the server busy. */
export const MAX_PASSWORD_BYTES = 1024

let dummyHash: Promise<string> | undefined

/** An Argon2id hash with its parameters and salt, as a PHC string. */
export async function hashPassword(password: string): Promise<string> {
  return await hash(password, OPTIONS)
}

/** Returns whether the password matches; without a hash it takes as long, so that unknown users cannot be told apart. */
export async function passwordMatches(password: string, stored: string | undefined): Promise<boolean> {
  dummyHash ??= hashPassword('no account has this password')
  const matches = await verify(stored ?? (await dummyHash), password)
  return stored !== undefined && matches
}
