import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'
import { fromBase64url } from '../base64url.ts'
import type { Secrets } from '../secrets.ts'

/** Django's separator between value, time and signature. */
const SEPARATOR = ':'
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The signature is invalid or missing. */
export class BadSignature extends Error {
  override readonly name: string = 'BadSignature'
}

/** The signature is valid but older than allowed. */
export class SignatureExpired extends BadSignature {
  override readonly name = 'SignatureExpired'
}

/** A number in base 62: digits, upper case, lower case. */
export function toBase62(number: number): string {
  if (number === 0) return '0'
  let rest = Math.abs(number)
  let text = ''
  while (rest > 0) {
    text = BASE62.charAt(rest % 62) + text
    rest = Math.floor(rest / 62)
  }
  return number < 0 ? `-${text}` : text
}

/** The number that {@link toBase62} wrote; NaN for anything else. */
export function fromBase62(text: string): number {
  const digits = text.startsWith('-') ? text.slice(1) : text
  if (!/^[0-9A-Za-z]{1,9}$/.test(digits)) return Number.NaN
  let value = 0
  for (const digit of digits) value = value * 62 + BASE62.indexOf(digit)
  return text.startsWith('-') ? -value : value
}

/** HMAC under a key derived from salt and secret. */
export function saltedHmac(
  salt: string,
  value: string,
  secret: string,
  algorithm: 'sha256' | 'sha1' = 'sha256',
): Buffer {
  return createHmac(algorithm, saltedKey(salt, secret, algorithm))
    .update(value)
    .digest()
}

function saltedKey(salt: string, secret: string, algorithm: 'sha256' | 'sha1' = 'sha256'): Buffer {
  return createHash(algorithm).update(salt).update(secret).digest()
}

/** Options for signing. Secrets may have any length, as in Django: the codecs and signed cookies check them. */
export interface SigningOptions {
  /** The first signs, all of them verify. */
  readonly secrets: Secrets
  readonly salt: string
  readonly separator?: string
}

/** Signs text as Django's Signer does. */
export class Signer {
  readonly #keys: readonly [Buffer, ...Buffer[]]
  readonly #separator: string

  /** @throws RangeError for a separator that signatures could contain */
  constructor({ secrets, salt, separator = SEPARATOR }: SigningOptions) {
    if (/^[A-z0-9-_=]*$/.test(separator)) throw new RangeError(`Unsafe separator "${separator}"`)
    const [first, ...older] = secrets
    const keyOf = (secret: string) => saltedKey(`${salt}signer`, secret)
    this.#keys = [keyOf(first), ...older.map(keyOf)]
    this.#separator = separator
  }

  sign(value: string): string {
    return value + this.#separator + signature(value, this.#keys[0])
  }

  /** @throws BadSignature */
  unsign(signed: string): string {
    return this.verify(signed).value
  }

  /**
   * Returns the value, and whether an older secret than the first signed it.
   *
   * @throws BadSignature
   */
  verify(signed: string): { value: string; olderSecret: boolean } {
    const [value, given] = split(signed, this.#separator)
    const signedBy = this.#keys.findIndex((key) => sameText(given, signature(value, key)))
    if (signedBy === -1) throw new BadSignature('The signature is invalid')
    return { value, olderSecret: signedBy > 0 }
  }
}

function signature(value: string, key: Buffer): string {
  return createHmac('sha256', key).update(value).digest('base64url')
}

/** Maximum age of a signature. */
export interface AgeLimit {
  /** Seconds, inclusive; undefined for any age. */
  readonly maxAge?: number | undefined
  /** Milliseconds since 1970. */
  readonly now?: number
}

/** What was signed with the time. */
export interface Signed<Value> {
  readonly value: Value
  /** Seconds since 1970. */
  readonly time: number
  /** Whether an older secret than the first signed it. */
  readonly olderSecret: boolean
}

/** Signs text together with the time, as Django's TimestampSigner does. */
export class TimestampSigner {
  readonly #signer: Signer
  readonly #separator: string

  constructor(options: SigningOptions) {
    this.#signer = new Signer(options)
    this.#separator = options.separator ?? SEPARATOR
  }

  /** @param now milliseconds since 1970 */
  sign(value: string, now = Date.now()): string {
    return this.#signer.sign(value + this.#separator + toBase62(Math.floor(now / 1000)))
  }

  /** @throws BadSignature; SignatureExpired when it is older than `maxAge` */
  unsign(signed: string, limit?: AgeLimit): string {
    return this.verify(signed, limit).value
  }

  /**
   * Returns the value, its time, and whether an older secret than the first signed it.
   *
   * @throws BadSignature; SignatureExpired when it is older than `maxAge`
   */
  verify(signed: string, { maxAge, now = Date.now() }: AgeLimit = {}): Signed<string> {
    const { value: stamped, olderSecret } = this.#signer.verify(signed)
    const [value, stamp] = split(stamped, this.#separator)
    const time = fromBase62(stamp)
    if (Number.isNaN(time)) throw new BadSignature('There is no valid timestamp')
    if (maxAge !== undefined && now / 1000 - time > maxAge) throw new SignatureExpired('The signature is too old')
    return { value, time, olderSecret }
  }
}

/** Django's signing.dumps: bytes, compressed if that is shorter, as base64url, signed with the time. */
export function dumps(bytes: Buffer, options: SigningOptions & { compress?: boolean; now?: number }): string {
  return dumpsWith(new TimestampSigner(options), bytes, options)
}

/** The same with a signer that is kept, so that its keys are not derived again. */
export function dumpsWith(
  signer: TimestampSigner,
  bytes: Buffer,
  { compress = false, now }: { compress?: boolean; now?: number },
): string {
  const compressed = compress ? deflateSync(bytes) : undefined
  const payload =
    compressed !== undefined && compressed.length < bytes.length - 1
      ? `.${compressed.toString('base64url')}`
      : bytes.toString('base64url')
  return signer.sign(payload, now)
}

/**
 * Returns the bytes that {@link dumps} signed. Nothing is decoded or inflated before the signature is verified.
 *
 * @param options.maxBytes maximum bytes after inflating
 * @throws BadSignature, SignatureExpired; TypeError for a payload that is not base64url; zlib's errors
 */
export function loads(text: string, options: SigningOptions & AgeLimit & { maxBytes: number }): Buffer {
  return loadsWith(new TimestampSigner(options), text, options).value
}

/**
 * Returns the bytes that {@link dumpsWith} signed, their time, and whether an older secret than the first signed them.
 * Nothing is decoded or inflated before the signature is verified.
 *
 * @param signer is kept, so that its keys are not derived again
 * @param options.maxBytes maximum bytes after inflating
 * @throws BadSignature, SignatureExpired; TypeError for a payload that is not base64url; zlib's errors
 */
export function loadsWith(
  signer: TimestampSigner,
  text: string,
  options: AgeLimit & { maxBytes: number },
): Signed<Buffer> {
  const { value: payload, time, olderSecret } = signer.verify(text, options)
  const compressed = payload.startsWith('.')
  const bytes = fromBase64url(compressed ? payload.slice(1) : payload)
  if (bytes === undefined) throw new TypeError('The payload is not base64url')
  const value = compressed ? inflateSync(bytes, { maxOutputLength: options.maxBytes }) : bytes
  return { value, time, olderSecret }
}

function split(text: string, separator: string): [string, string] {
  const at = text.lastIndexOf(separator)
  if (at < 0) throw new BadSignature('There is no signature')
  return [text.slice(0, at), text.slice(at + separator.length)]
}

/** Compares two texts in constant time. */
export function sameText(one: string, other: string): boolean {
  const left = Buffer.from(one)
  const right = Buffer.from(other)
  // timingSafeEqual throws for different lengths; the length of a signature is not secret.
  return left.length === right.length && timingSafeEqual(left, right)
}
