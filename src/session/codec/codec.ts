import type { SessionData } from '../core/data.ts'

/**
 * Why stored text gave no data. The reasons are for the operator's log; a visitor sees no difference.
 */
export type RefusedReason = 'malformed' | 'unauthentic' | 'expired' | 'too-large' | 'not-an-object'

/** What a codec made of stored text. */
export type Decoded =
  /** With a successor it is a forward: the key that the session has gone on under, and the data as they were. */
  { ok: true; data: SessionData; successor?: string } | { ok: false; reason: RefusedReason }

/**
 * Turns session data into the text that a store keeps, and back.
 *
 * A codec tries one format only: text that it cannot authenticate is refused, never handed to another
 * decoder (the bug class of CVE-2026-39324).
 */
export interface Codec {
  readonly name: 'sealed' | 'django'
  /** Whether the format has a place for a session's id, and for records that lead to its next key. */
  readonly forwards: boolean
  /** The name under which a store keeps the record of this session key. */
  storeKey(sessionKey: string): string
  /**
   * @param successorKey makes it a forward, where the codec has them
   * @throws SessionTooLargeError when the serialized data exceed the limit in bytes.
   */
  encode(sessionKey: string, data: SessionData, successorKey?: string): string
  /** Never throws on any text. */
  decode(sessionKey: string, text: string): Decoded
}

/** What a codec made of a cookie, and when (ms) the cookie was made. */
export type DecodedCookie = (Decoded & { ok: true } & { readonly issuedAt: number }) | (Decoded & { ok: false })

/** For engines that keep the whole session in the cookie. */
export interface CookieCodec {
  readonly name: 'sealed' | 'django'
  /** @throws SessionTooLargeError when the serialized data exceed the limit in bytes. */
  encode(data: SessionData): string
  /**
   * Never throws on any text.
   *
   * @param maxAge seconds since it was encoded after which it is refused
   */
  decode(text: string, maxAge: number): DecodedCookie
}
