import { type CacheEntry, DAMAGED } from './cache.ts'

/** Bytes of the version in the header, padded with spaces. */
export const VERSION_BYTES = 24
const EXPIRES_BYTES = 16
/** Bytes before the body: the padded version and the expiry in decimal digits. Text, so that a client can show it. */
export const HEADER_BYTES = VERSION_BYTES + EXPIRES_BYTES

/** Encodes an entry as the bytes that a cache server keeps. */
export function pack({ version, expires, body }: CacheEntry): Buffer {
  const header =
    version.padEnd(VERSION_BYTES) + String(Math.min(expires, Number.MAX_SAFE_INTEGER)).padStart(EXPIRES_BYTES, '0')
  // Not Buffer.concat, which needs a buffer for the header alone.
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  bytes.write(header, 0, 'latin1')
  bytes.set(body, HEADER_BYTES)
  return bytes
}

/** Decodes an entry; {@link DAMAGED} if the bytes are none. */
export function unpack(bytes: Buffer): CacheEntry {
  const header = /^([\w-]{1,24}) *(\d{16})$/.exec(bytes.toString('latin1', 0, HEADER_BYTES))
  if (header === null || header[1] === undefined || bytes.length < HEADER_BYTES) return DAMAGED
  return { version: header[1], expires: Number(header[2]), body: bytes.subarray(HEADER_BYTES) }
}
