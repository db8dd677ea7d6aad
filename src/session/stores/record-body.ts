import { crc32 } from 'node:zlib'
import type { Compression } from '../caches/compression.ts'
import { type SessionRecord, type StoredRecord, type Version, withVersion } from './store.ts'

const PLAIN = 'p'
const COMPRESS_ABOVE_BYTES = 1024
const HEADER_BYTES = 5
// Must be as long as the checksum, whose place it holds; marks are ASCII, so that the checksum begins at byte 1.
const NO_CHECKSUM = '\0\0\0\0'

/**
 * Encodes a record: a mark, a checksum of the rest (4 bytes), one line of JSON metadata, then the data. The checksum
 * detects damage by hardware; the codec detects manipulation.
 */
export function encodeBody(record: SessionRecord, version: Version, compression?: Compression): Buffer {
  const { data, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent, extra } = record
  // Where the text is the version it is not stored twice.
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
    // Last, so that older processes can read the values before it.
    sessionId,
  ])
  const text = `${metadata}\n${data}`
  if (compression !== undefined && data.length > COMPRESS_ABOVE_BYTES) {
    const compressed = compression.compress(Buffer.from(text))
    if (compressed.length < data.length) {
      return withChecksum(Buffer.concat([Buffer.from(compression.mark + NO_CHECKSUM), compressed]))
    }
  }
  // Not Buffer.concat: every further buffer would cost more than the checksum.
  return withChecksum(Buffer.from(`${PLAIN}${NO_CHECKSUM}${text}`))
}

/**
 * Decodes a record; undefined for invalid bytes. Never throws.
 *
 * @param version of a record in which an older version of this program wrote none; undefined if there is no such record
 */
export function decodeBody(bytes: Buffer, compression?: Compression, version?: Version): StoredRecord | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(1) !== crc32(bytes.subarray(HEADER_BYTES))) return undefined
  const mark = bytes[0]
  try {
    if (mark === PLAIN.charCodeAt(0)) return parse(bytes.toString('utf8', HEADER_BYTES), version)
    if (compression === undefined || mark !== compression.mark.charCodeAt(0)) return undefined
    return parse(compression.decompress(bytes.subarray(HEADER_BYTES)).toString('utf8'), version)
  } catch {
    return undefined
  }
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(HEADER_BYTES)), 1)
  return bytes
}

function parse(text: string, given: Version | undefined): StoredRecord | undefined {
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
  const version = ownVersion === true ? data : (ownVersion ?? given)
  if (typeof expires !== 'number' || typeof createdAt !== 'number' || typeof lastActivity !== 'number') return undefined
  if (!isTextOrNull(userId) || !isTextOrNull(ipAddress) || !isTextOrNull(userAgent)) return undefined
  if (!isTextOrNull(sessionId)) return undefined
  if (typeof version !== 'string' && typeof version !== 'number') return undefined
  const record: SessionRecord = { data, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent }
  if (isColumns(extra)) record.extra = extra
  return withVersion(record, version)
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isColumns(value: unknown): value is NonNullable<SessionRecord['extra']> {
  return typeof value === 'object' && value !== null
}
