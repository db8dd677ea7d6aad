import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type FloorOptions, type Medium, seal, unseal } from './medium.ts'

/** In an encrypted cookie. */
export function sealed({ secret }: FloorOptions): Medium {
  const keyOf = (salt: Buffer) => createHmac('sha256', secret).update(salt).digest()
  return {
    load(cookie) {
      const bytes = Buffer.from(cookie, 'base64url')
      return unseal(keyOf(bytes.subarray(0, 12)), bytes.subarray(12))
    },
    save(_cookie, text) {
      const salt = randomBytes(12)
      return Buffer.concat([salt, seal(keyOf(salt), Buffer.from(text))]).toString('base64url')
    },
  }
}

/** In a signed cookie. */
export function django({ secret }: FloorOptions): Medium {
  const key = hash('sha256', `django${secret}`, 'buffer')
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
  return {
    load(cookie) {
      const at = cookie.lastIndexOf(':')
      const signed = cookie.slice(0, at)
      if (!timingSafeEqual(Buffer.from(cookie.slice(at + 1)), Buffer.from(sign(signed)))) return undefined
      return Buffer.from(signed.slice(0, signed.indexOf(':')), 'base64url').toString()
    },
    save(_cookie, text) {
      const signed = `${Buffer.from(text).toString('base64url')}:${Date.now().toString(36)}`
      return `${signed}:${sign(signed)}`
    },
  }
}
