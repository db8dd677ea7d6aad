import { jsonSerializer } from '../../src/session/codec/serializer.ts'
import { formats } from '../../src/storage/index.ts'
import type { CodecOptions, FormatPart } from '../../src/storage/part.ts'

const SECRET = 'a secret of the tests: 6f1f0c2b9d8e4a7c'

/** Options for the codecs of any format. */
export function codecOptions(cookieName: string, now: () => number, secret = SECRET): CodecOptions {
  const limits = { maxBytes: 65_536, onNearlyFull: () => {} }
  return { ...limits, secrets: [secret], serializer: jsonSerializer, cookieName, now }
}

/** The format of tests that hold in each: the first one that this project has. */
export function anyFormat(): FormatPart {
  const [first] = formats
  if (first === undefined) throw new Error('This project has no format')
  return first
}
