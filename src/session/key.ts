import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 32
// Bytes from here up are drawn again: folding them in would favour the first letters.
const FAIR = 256 - (256 % ALPHABET.length)
const KEY = /^[a-z0-9]{32}$/

/** A new session key: 32 characters of a-z0-9 (165 bits) from the system's CSPRNG (Django behaviour 5, ASVS 7.2.3). */
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
