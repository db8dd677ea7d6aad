import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** Compresses records in a cache. Sealed data were deflated before, so it saves little there. */
export interface Compression {
  /** The byte that marks this compression: `z` or `l`. */
  readonly mark: string
  compress(bytes: Buffer): Buffer
  /** @throws Error for bytes that it did not write, or that would exceed the maximum size of a record */
  decompress(bytes: Buffer): Buffer
}

// Twice the largest session allowed (1 MiB) as base64 with its metadata.
const MAX_BYTES = 4 * 1024 * 1024

// Not a literal in the import, so that the engine compiles without the optional package.
const LZ4_PACKAGE: string = 'lz4-napi'

interface Lz4 {
  compressSync(bytes: Buffer): Buffer
  uncompressSync(bytes: Buffer): Buffer
}

/** Deflate at its fastest level, recommended for large sessions. */
export const zlibCompression: Compression = {
  mark: 'z',
  compress: (bytes) => deflateRawSync(bytes, { level: 1 }),
  decompress: (bytes) => inflateRawSync(bytes, { maxOutputLength: MAX_BYTES }),
}

/**
 * LZ4: about seven times faster than deflate, with slightly larger output.
 *
 * @throws Error when the optional package lz4-napi is not installed
 */
export async function lz4Compression(): Promise<Compression> {
  const { compressSync, uncompressSync }: Lz4 = await import(LZ4_PACKAGE)
  return {
    mark: 'l',
    compress: (bytes) => compressSync(bytes),
    decompress(bytes) {
      // The block begins with its size: a forged one must not allocate gigabytes.
      if (bytes.length < 4 || bytes.readUInt32LE(0) > MAX_BYTES) throw new RangeError('The record is too large')
      return uncompressSync(bytes)
    },
  }
}
