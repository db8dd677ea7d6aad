import { hash, randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 32
// Bytes from here up are drawn again: folding them in would favour the first letters.
const FAIR = 256 - (256 % ALPHABET.length)
const KEY = /^[a-z0-9]{32}$/

/** A new session key: 32 characters of a-z0-9 (165 bits) from the system's CSPRNG (ASVS 7.2.3). */
export function newSessionKey(): string {
  let key = ''
  while (key.length < LENGTH) {
    for (const byte of randomBytes(LENGTH * 2)) {
      if (byte < FAIR && key.length < LENGTH) key += ALPHABET[byte % ALPHABET.length]
    }
  }
  return key
}

/** Whether text has the shape of a session key; nothing else ever reaches a store. */
export function isSessionKey(text: string): boolean {
  return KEY.test(text)
}

const ID_BYTES = 16

/** A new public session id: 16 random bytes in base64url. It names a session and opens nothing. */
export function newSessionId(): string {
  return randomBytes(ID_BYTES).toString('base64url')
}

/**
 * The public id of a record that keeps none: one that an older version wrote, or one in Django's format.
 *
 * @param storeKey the name of the record in its store, from which nobody can go back from the id
 */
export function derivedSessionId(storeKey: string): string {
  return hash('sha256', `holdfast session id\0${storeKey}`, 'base64url').slice(0, 22)
}
