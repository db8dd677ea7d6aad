import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** Makes what a cache keeps smaller. Sealed data were deflated before they were sealed, so little is won there. */
export interface Compression {
  /** The byte that marks what this one made: `z` or `l`. */
  readonly mark: string
  compress(bytes: Buffer): Buffer
  /** @throws for bytes that are not its own, or that would grow beyond the limit of a record */
  decompress(bytes: Buffer): Buffer
}

// The largest session allowed (1 MiB), as base64 and with its metadata, fits twice.
const MAX_BYTES = 4 * 1024 * 1024

// Not named in the import itself: the engine must compile where the optional package is absent.
const LZ4_PACKAGE: string = 'lz4-napi'

interface Lz4 {
  compressSync(bytes: Buffer): Buffer
  uncompressSync(bytes: Buffer): Buffer
}

/** Deflate at its quickest level: the recommended one for large sessions. */
export const zlibCompression: Compression = {
  mark: 'z',
  compress: (bytes) => deflateRawSync(bytes, { level: 1 }),
  decompress: (bytes) => inflateRawSync(bytes, { maxOutputLength: MAX_BYTES }),
}

/**
 * LZ4: some seven times quicker than deflate, and a little larger.
 *
 * @throws Error when the optional package lz4-napi is not installed
 */
export async function lz4Compression(): Promise<Compression> {
  const { compressSync, uncompressSync }: Lz4 = await import(LZ4_PACKAGE)
  return {
    mark: 'l',
    compress: (bytes) => compressSync(bytes),
    decompress(bytes) {
      // The block begins with its size: a forged one must not make us reserve gigabytes.
      if (bytes.length < 4 || bytes.readUInt32LE(0) > MAX_BYTES) throw new RangeError('The record is too large')
      return uncompressSync(bytes)
    },
  }
}
