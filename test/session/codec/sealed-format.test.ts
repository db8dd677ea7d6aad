import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createDeflateRaw, deflateRawSync } from 'node:zlib'
import test from 'ava'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { plainJson } from '../../../src/session/core/data.ts'

// The format written down a second time, with Node's own HKDF: a change of the codec that would orphan every stored
// session fails here.
const secret = 'a secret that is long enough for anybody'
const key = 'abcdefghijklmnopqrstuvwxyz012345'
const namespace = 'sessionid'
const codec = sealedCodec({ secrets: [secret], namespace })
const PLAIN = Buffer.of(0)
const DEFLATED = Buffer.of(1)

const sha256 = (text: string) => createHash('sha256').update(text)
const storeKey = sha256(`holdfast store key\0${namespace}\0${key}`).digest('base64url')
const salt = sha256(`holdfast sealed secret\0${secret}`).digest()
const dataKey = Buffer.from(hkdfSync('sha256', key, salt, `holdfast session data ${namespace}`, 32))

function seal(plaintext: Buffer, version = 1): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce).setAAD(
    Buffer.from(`${version}\0${namespace}\0${storeKey}`),
  )
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), ciphertext]).toString('base64url')
}

function unseal(text: string, underKey: Buffer): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', underKey, bytes.subarray(1, 13), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(`1\0${namespace}\0${storeKey}`)).setAuthTag(bytes.subarray(13, 29))
  return Buffer.concat([decipher.update(bytes.subarray(29)), decipher.final()])
}

test('an independent implementation of the documented format encrypts and decrypts the same (ASVS 11.3.2, 11.4.1)', (t) => {
  const data = plainJson({ user: 'ada' })
  const json = Buffer.from('{"user":"ada"}')
  t.is(codec.storeKey(key), storeKey)
  t.deepEqual(codec.decode(key, seal(Buffer.concat([PLAIN, json]))), { ok: true, data })
  t.deepEqual(codec.decode(key, seal(Buffer.concat([DEFLATED, deflateRawSync(json)]))), { ok: true, data })
  const text = codec.encode(key, Object.assign(Object.create(null), { user: 'ada' }))
  t.deepEqual(unseal(text, dataKey), Buffer.concat([PLAIN, json]))
})

test('a large session is deflated, a small one is not', (t) => {
  const text = (length: number) => Object.assign(Object.create(null), { text: 'x'.repeat(length) })
  t.is(unseal(codec.encode(key, text(1013)), dataKey)[0], 0)
  t.is(unseal(codec.encode(key, text(1014)), dataKey)[0], 1)
})

test('another version, an unknown flag and data that are not an object are refused, even if authentic', (t) => {
  const json = Buffer.from('{"user":"ada"}')
  const wrong: Record<string, string> = {
    'version 0': seal(Buffer.concat([PLAIN, json]), 0),
    'version 2': seal(Buffer.concat([PLAIN, json]), 2),
    'flag 2': seal(Buffer.concat([Buffer.of(2), json])),
    'flag 255': seal(Buffer.concat([Buffer.of(255), json])),
    nothing: seal(Buffer.alloc(0)),
    'only a flag': seal(PLAIN),
    'a list': seal(Buffer.concat([PLAIN, Buffer.from('[1,2]')])),
    null: seal(Buffer.concat([PLAIN, Buffer.from('null')])),
    'no JSON': seal(Buffer.concat([PLAIN, Buffer.from('{"user":')])),
    'too deep': seal(Buffer.concat([PLAIN, Buffer.from(`{"a":${'['.repeat(60_000)}${']'.repeat(60_000)}}`)])),
    'not deflated': seal(Buffer.concat([DEFLATED, json])),
  }
  for (const [name, text] of Object.entries(wrong)) t.false(codec.decode(key, text).ok, name)
})

test('neither a signing key nor a hash of the secret alone decrypts', (t) => {
  const text = codec.encode(key, Object.assign(Object.create(null), { user: 'ada' }))
  const signing = (purpose: string) => sha256(`${purpose}signer${secret}`).digest()
  const others = [
    signing('django.contrib.sessions.SessionStore'),
    signing('django.contrib.sessions.backends.signed_cookies'),
    signing('django.core.signing'),
    sha256(secret).digest(),
    sha256(secret + key).digest(),
    salt,
    Buffer.from(hkdfSync('sha256', secret, '', `holdfast session data ${namespace}`, 32)),
  ]
  for (const other of others) t.throws(() => unseal(text, other))
  t.notThrows(() => unseal(text, dataKey))
})

test('a decompression bomb encrypted with the right key does not use memory', async (t) => {
  const size = 256 * 1024 * 1024
  const zeros = Readable.from(Array.from({ length: size / 1_048_576 }, () => Buffer.alloc(1_048_576)))
  const bomb = await buffer(zeros.pipe(createDeflateRaw()))
  const text = seal(Buffer.concat([DEFLATED, bomb]))
  const before = process.resourceUsage().maxRSS
  t.deepEqual(codec.decode(key, text), { ok: false, reason: 'too-large' })
  const grownBy = (process.resourceUsage().maxRSS - before) * 1024
  t.true(grownBy < size / 8, `the process grew by ${grownBy} bytes`)
})
