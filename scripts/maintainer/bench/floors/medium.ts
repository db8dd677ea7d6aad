import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes } from 'node:crypto'

/** Where the hand-written middleware keeps the text of sessions: for a cookie, `save` returns the next one. */
export interface Medium {
  load(cookie: string): Promise<string | undefined> | string | undefined
  save(cookie: string | undefined, text: string): Promise<string> | string
}

/** Options for every medium. */
export interface FloorOptions {
  readonly secret: string
  /** Of Redis. */
  readonly url?: string | undefined
  readonly folder: string
}

/** Where the bytes of records are, by names that are no secrets. */
export interface Records {
  load(name: string): Promise<Buffer | undefined> | Buffer | undefined
  save(name: string, box: Buffer, isNew: boolean): Promise<void> | void
}

/** Records that are encrypted under a key of their own, and stored under a hash of what the cookie has. */
export function sealedUnderKeys(secret: string, records: Records): Medium {
  // Of a few hundred sessions; the engine keeps a limited number of them.
  const known = new Map<string, { name: string; key: Buffer }>()
  const of = (cookie: string) => {
    const held = known.get(cookie)
    if (held !== undefined) return held
    const made = {
      name: hash('sha256', cookie, 'base64url'),
      key: createHmac('sha256', secret).update(cookie).digest(),
    }
    known.set(cookie, made)
    return made
  }
  return {
    async load(cookie) {
      const { name, key } = of(cookie)
      const box = await records.load(name)
      return box && unseal(key, box)
    },
    async save(given, text) {
      const cookie = given ?? randomBytes(16).toString('hex')
      const { name, key } = of(cookie)
      await records.save(name, seal(key, Buffer.from(text)), given === undefined)
      return cookie
    },
  }
}

/** Encrypts: nonce, tag and ciphertext. */
export function seal(key: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = cipher.update(plain)
  cipher.final()
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

/**
 * Decrypts what {@link seal} returned.
 *
 * @throws Error if it was changed or is of another key
 */
export function unseal(key: Buffer, box: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, 12), { authTagLength: 16 })
  decipher.setAuthTag(box.subarray(12, 28))
  const plain = decipher.update(box.subarray(28))
  decipher.final()
  return plain.toString()
}
