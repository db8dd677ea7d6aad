import type { Codec, CookieCodec } from '../../src/session/codec/codec.ts'
import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { jsonSerializer } from '../../src/session/codec/serializer.ts'
import type { CodecOptions } from '../../src/storage/part.ts'

const SECRET = 'a secret of the tests: 6f1f0c2b9d8e4a7c'

/** What tests need of a format; those of the application are such, too. */
export interface TestFormat {
  codec(options: CodecOptions): Codec
  cookieCodec(options: CodecOptions & { readonly tier?: string }): CookieCodec
}

/** The engine's own format, which is there whatever formats the application offers. */
export const sealed: TestFormat = {
  codec: ({ cookieName: namespace, ...options }) => sealedCodec({ ...options, namespace }),
  cookieCodec: sealedCookieCodec,
}

/** Options for the codecs of any format. */
export function codecOptions(cookieName: string, now: () => number, secret = SECRET): CodecOptions {
  const limits = { maxBytes: 65_536, onNearlyFull: () => {} }
  return { ...limits, secrets: [secret], serializer: jsonSerializer, cookieName, now }
}
