import { type CacheEntry, DAMAGED } from './cache.ts'

/** Bytes of the version in the header, spaces after it included. */
export const VERSION = 24
const EXPIRES = 16
/** Bytes before the body: the version, padded, and the expiry in decimal digits. Plain text, for whoever looks with a client. */
export const HEADER = VERSION + EXPIRES

/** An entry as the bytes that a cache server keeps. */
export function pack({ version, expires, body }: CacheEntry): Buffer {
  const header = version.padEnd(VERSION) + String(Math.min(expires, Number.MAX_SAFE_INTEGER)).padStart(EXPIRES, '0')
  return Buffer.concat([Buffer.from(header, 'latin1'), body])
}

/** The entry in these bytes; DAMAGED when they are no entry. */
export function unpack(bytes: Buffer): CacheEntry {
  const header = /^([\w-]{1,24}) *(\d{16})$/.exec(bytes.toString('latin1', 0, HEADER))
  if (header === null || header[1] === undefined || bytes.length < HEADER) return DAMAGED
  return { version: header[1], expires: Number(header[2]), body: bytes.subarray(HEADER) }
}
