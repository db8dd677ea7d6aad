import test from 'ava'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { djangoSignIn, isDjangoSignIn, verifyDjangoAuthHash } from '../../../src/session/codec/django/django-auth.ts'
import { readSignedCookie, signCookie } from '../../../src/session/codec/django/signed-cookie.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from '../../../src/session/codec/sealed/sealed-cookie.ts'
import { cookieTiers } from '../../../src/session/http/cookie-tiers.ts'

type Secrets = readonly [string, ...string[]]

const user = { id: '7', password: 'as the table has it' }
const emptySession = { get: () => undefined }

/** Everything of the engine that takes secrets. */
const USES: Record<string, (secrets: Secrets) => unknown> = {
  sealedCodec: (secrets) => sealedCodec({ secrets, namespace: 's' }),
  sealedCookieCodec: (secrets) => sealedCookieCodec({ secrets, cookieName: 's' }),
  djangoCodec: (secrets) => djangoCodec({ secrets }),
  djangoCookieCodec: (secrets) => djangoCookieCodec({ secrets }),
  signCookie: (secrets) => signCookie('seen', 'banner', { secrets }),
  readSignedCookie: (secrets) => readSignedCookie('seen', '', { secrets }),
  cookieTiers: (secrets) => cookieTiers({ critical: { maxAge: 60 } }, { secrets }),
  djangoSignIn: (secrets) => djangoSignIn(user, { secrets }),
  isDjangoSignIn: (secrets) => isDjangoSignIn(emptySession, user, { secrets }),
  verifyDjangoAuthHash: (secrets) => verifyDjangoAuthHash(user.password, undefined, { secrets }),
}

const VALID = 'thirty-two bytes, and not one mo'
const SHORT = 'thirty-one bytes, and one is mi'

for (const [name, use] of Object.entries(USES)) {
  test(`${name} refuses an empty or short secret, and explains how to make one without printing it`, (t) => {
    const wrong: unknown[] = [[], [''], ['', VALID], [undefined], ['x'], [SHORT], [SHORT, VALID], 'x', VALID, undefined]
    for (const secrets of wrong) {
      const error = t.throws(() => use(secrets as Secrets), { instanceOf: RangeError }, JSON.stringify(secrets))
      t.regex(error.message, /32 random bytes.*openssl rand -base64 48/)
      t.false(error.message.includes(SHORT))
    }
    t.notThrows(() => use([VALID]))
    // Bytes, not characters.
    t.notThrows(() => use(['é'.repeat(16)]))
  })

  test(`${name}: an older secret may be short, so that it can be replaced, but not empty`, (t) => {
    t.notThrows(() => use([VALID, SHORT, 'x']))
    for (const older of [[''], [SHORT, ''], [undefined]]) {
      const error = t.throws(() => use([VALID, ...(older as string[])]), { instanceOf: RangeError })
      t.regex(error.message, /older secret is empty/)
    }
  })
}
