import { hash, randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const KEY_LENGTH = 32
// Bytes from here on are skipped: modulo would make the first letters more likely.
const MAX_UNBIASED = 256 - (256 % ALPHABET.length)
const KEY = /^[a-z0-9]{32}$/

/** Generates a session key: 32 characters of a-z0-9 (165 bits) from the system's CSPRNG (ASVS 7.2.3). */
export function newSessionKey(): string {
  let key = ''
  while (key.length < KEY_LENGTH) {
    for (const byte of randomBytes(KEY_LENGTH * 2)) {
      if (byte < MAX_UNBIASED && key.length < KEY_LENGTH) key += ALPHABET[byte % ALPHABET.length]
    }
  }
  return key
}

/** Whether text has the form of a session key; nothing else is looked up in a store. */
export function isSessionKey(text: string): boolean {
  return KEY.test(text)
}

const ID_BYTES = 16

/** Generates a public session id: 16 random bytes in base64url. It identifies a session but gives no access. */
export function newSessionId(): string {
  return randomBytes(ID_BYTES).toString('base64url')
}

/**
 * The public id of a record that stores none: one of an older version, or in Django's format. It is a hash, so that it
 * does not reveal the key.
 *
 * @param storeKey the key of the record in its store
 */
export function derivedSessionId(storeKey: string): string {
  return hash('sha256', `holdfast session id\0${storeKey}`, 'base64url').slice(0, 22)
}
