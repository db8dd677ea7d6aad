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
  const value = [...digits].reduce((sum, digit) => sum * 62 + BASE62.indexOf(digit), 0)
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
    if (!this.matches(signed)) throw new BadSignature('The signature is invalid')
    return split(signed, this.#separator)[0]
  }

  /** Whether one of the secrets signed it. @throws BadSignature if there is no signature */
  matches(signed: string): boolean {
    const [value, given] = split(signed, this.#separator)
    return this.#keys.some((key) => sameText(given, signature(value, key)))
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
  unsign(signed: string, { maxAge, now = Date.now() }: AgeLimit = {}): string {
    const [value, stamp] = split(this.#signer.unsign(signed), this.#separator)
    const time = fromBase62(stamp)
    if (Number.isNaN(time)) throw new BadSignature('There is no valid timestamp')
    if (maxAge !== undefined && now / 1000 - time > maxAge) throw new SignatureExpired('The signature is too old')
    return value
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
  return loadsWith(new TimestampSigner(options), text, options)
}

/** The same with a signer that is kept. */
export function loadsWith(signer: TimestampSigner, text: string, options: AgeLimit & { maxBytes: number }): Buffer {
  const payload = signer.unsign(text, options)
  const compressed = payload.startsWith('.')
  const bytes = fromBase64url(compressed ? payload.slice(1) : payload)
  if (bytes === undefined) throw new TypeError('The payload is not base64url')
  return compressed ? inflateSync(bytes, { maxOutputLength: options.maxBytes }) : bytes
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
