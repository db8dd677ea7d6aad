import type { SessionData } from '../core/data.ts'

/** Why stored text could not be decoded. For the log; visitors see no difference. */
export type RefusedReason = 'malformed' | 'unauthentic' | 'unknown-secret' | 'expired' | 'too-large' | 'not-an-object'

/** Metadata of a record that are sealed together with its data, so that a change of the record's fields is noticed. */
export interface SealedMetadata {
  /** The public id of the session. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

/** Options for encoding a session; each codec ignores what its format cannot hold. */
export interface EncodeOptions {
  /** Makes it a forward to this key. */
  readonly successor?: string
  /** Returned by decode for the same session key. */
  readonly metadata?: SealedMetadata
  /** What decode returned as `json`, so that values another program wrote stay as they are. */
  readonly former?: string | undefined
  /** The store's key, if it is known, so that it is not hashed again. */
  readonly name?: string
}

/** The result of decoding stored text. */
export type Decoded =
  | {
      ok: true
      data: SessionData
      /** Makes it a forward: the session's next key. The data are from before the change of key. */
      successor?: string
      metadata?: SealedMetadata
      /** The JSON of the data, in formats that other programs write. */
      json?: string
      /** Encoded with an older secret than the first. */
      olderSecret?: true
    }
  | { ok: false; reason: RefusedReason }

/**
 * Encodes session data as the text that a store keeps, and decodes it.
 *
 * A codec reads one format only: text that it cannot authenticate is refused and never passed to another decoder (the
 * bug class of CVE-2026-39324).
 *
 * @example
 * const codec: Codec = sealedCodec({ secrets: [process.env['SECRET_KEY'] ?? ''], namespace: 'sessionid' })
 */
export interface Codec {
  readonly name: 'sealed' | 'django'
  /** Whether the format can hold a session's public id, and forwards to its next key. */
  readonly forwards: boolean
  /** The key under which a store keeps the record of this session key. */
  storeKey(sessionKey: string): string
  /**
   * @throws SessionTooLargeError if the serialized data exceed the limit in bytes; ValueNotKeptError for a changed value
   *   with numbers that JavaScript cannot hold
   */
  encode(sessionKey: string, data: SessionData, options?: EncodeOptions): string
  /**
   * Never throws on any text.
   *
   * @param name the store's key, if it is known, so that it is not hashed again
   */
  decode(sessionKey: string, text: string, name?: string): Decoded
}

/** The result of decoding a cookie; `issuedAt` is milliseconds since 1970. */
export type DecodedCookie = (Decoded & { ok: true } & { readonly issuedAt: number }) | (Decoded & { ok: false })

/** Encodes session data as the value of a cookie, for engines that keep the session there. */
export interface CookieCodec {
  readonly name: 'sealed' | 'django'
  /**
   * @param former what decode returned as `json`, so that values another program wrote stay as they are
   * @throws SessionTooLargeError if the serialized data exceed the limit in bytes; ValueNotKeptError for a changed value
   *   with numbers that JavaScript cannot hold
   */
  encode(data: SessionData, former?: string): string
  /**
   * Never throws on any text.
   *
   * @param maxAge seconds since it was encoded after which it is refused
   */
  decode(text: string, maxAge: number): DecodedCookie
}
