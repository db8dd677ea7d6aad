import { crc32 } from 'node:zlib'
import type { Compression } from '../caches/compression.ts'
import type { SessionRecord, Version } from './store.ts'

/** A record, and the version that the database gave it, if one did: in a copy the entry's own expiry may be an earlier one. */
export interface RecordBody {
  readonly record: Omit<SessionRecord, 'expires'>
  readonly version: Version | null
  /** Milliseconds since 1970. */
  readonly expires: number
}

const PLAIN = 'p'
const COMPRESS_ABOVE = 1024
const HEADER = 5

/**
 * A record as bytes for a cache: a mark, a checksum of the rest (4 bytes), one line of JSON metadata, then the data as
 * they are. The checksum is for memory and disks that err; the codec is what stands against people.
 */
export function encodeBody({ record, version, expires }: RecordBody, compression?: Compression): Buffer {
  const { data, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent, extra } = record
  // Where the text itself is the version it need not be kept twice.
  const ownVersion = version === data ? true : version
  const metadata = JSON.stringify([
    ownVersion,
    expires,
    createdAt,
    lastActivity,
    userId,
    ipAddress,
    userAgent,
    extra ?? null,
    // Last, so that older processes read what comes before it.
    sessionId,
  ])
  if (compression !== undefined && data.length > COMPRESS_ABOVE) {
    const compressed = compression.compress(Buffer.from(`${metadata}\n${data}`))
    if (compressed.length < data.length) return checked(compression.mark, compressed)
  }
  return checked(PLAIN, Buffer.from(`${metadata}\n${data}`))
}

/** The record in these bytes; undefined when they make no sense. Never throws. */
export function decodeBody(bytes: Buffer, compression?: Compression): RecordBody | undefined {
  if (bytes.length < HEADER || bytes.readUInt32BE(1) !== crc32(bytes.subarray(HEADER))) return undefined
  const mark = bytes.toString('latin1', 0, 1)
  try {
    if (mark === PLAIN) return parse(bytes.toString('utf8', HEADER))
    return mark === compression?.mark
      ? parse(compression.decompress(bytes.subarray(HEADER)).toString('utf8'))
      : undefined
  } catch {
    return undefined
  }
}

function checked(mark: string, rest: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + rest.length)
  bytes.write(mark, 0, 'latin1')
  bytes.writeUInt32BE(crc32(rest), 1)
  rest.copy(bytes, HEADER)
  return bytes
}

function parse(text: string): RecordBody | undefined {
  const end = text.indexOf('\n')
  const metadata: unknown = JSON.parse(text.slice(0, end))
  if (!Array.isArray(metadata)) return undefined
  const [
    ownVersion,
    expires,
    createdAt,
    lastActivity,
    userId,
    ipAddress,
    userAgent,
    extra,
    sessionId = null,
  ]: unknown[] = metadata
  const data = text.slice(end + 1)
  const version = ownVersion === true ? data : ownVersion
  if (typeof expires !== 'number' || typeof createdAt !== 'number' || typeof lastActivity !== 'number') return undefined
  if (!isTextOrNull(userId) || !isTextOrNull(ipAddress) || !isTextOrNull(userAgent)) return undefined
  if (!isTextOrNull(sessionId)) return undefined
  if (!(isTextOrNull(version) || typeof version === 'number')) return undefined
  const columns = isColumns(extra) ? { extra } : {}
  const record = { data, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent, ...columns }
  return { record, version, expires }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isColumns(value: unknown): value is NonNullable<SessionRecord['extra']> {
  return typeof value === 'object' && value !== null
}
