import test from 'ava'
import {
  type DjangoAuthOptions,
  djangoAuthHash,
  djangoSignIn,
  isDjangoSignIn,
  verifyDjangoAuthHash,
} from '../../../src/session/codec/django/django-auth.ts'
import { VECTOR_SECRET } from '../../support/vectors.ts'

// What Django 3.2.25 gave for a user with this password, as get_session_auth_hash and its SHA-1 forerunner.
const PASSWORD = 'pbkdf2_sha256$260000$seasalt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo='
const HASH = '976dffc706c1379c8666b9cd66438146f6d05a3db249e718bd210c0b8e187629'
const SHA1_HASH = 'df07aa5a4d16a598594ce985e4f681ea46b869a0'
const NO_PASSWORD_HASH = '0a7ffc3c083b38fc9485aff3bacbde6b1dd664bb25d3ff7a0aba7d2a900400d7'

const NEWER = 'a newer secret, long enough for anybody'
const options: DjangoAuthOptions = { secrets: [VECTOR_SECRET] }
const user = { id: '7', password: PASSWORD }
const SIGNED_IN = {
  _auth_user_id: '7',
  _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
  _auth_user_hash: HASH,
}

function session(values: Record<string, unknown>) {
  return { get: (key: string) => values[key] }
}

test('creates the same hashes as Django', (t) => {
  t.is(djangoAuthHash(PASSWORD, VECTOR_SECRET), HASH)
  t.is(djangoAuthHash(PASSWORD, VECTOR_SECRET, 'sha1'), SHA1_HASH)
  t.is(djangoAuthHash('', VECTOR_SECRET), NO_PASSWORD_HASH)
})

test('a hash is valid for one password and one secret', (t) => {
  t.true(verifyDjangoAuthHash(PASSWORD, HASH, options))
  t.false(verifyDjangoAuthHash(`${PASSWORD} `, HASH, options))
  t.false(verifyDjangoAuthHash(PASSWORD, HASH, { secrets: ['another secret, long enough for anybody'] }))
})

test('older secrets verify, and the first one signs', (t) => {
  const rotated: DjangoAuthOptions = { secrets: [NEWER, VECTOR_SECRET] }
  t.true(verifyDjangoAuthHash(PASSWORD, HASH, rotated))
  t.is(djangoSignIn(user, rotated)['_auth_user_hash'], djangoAuthHash(PASSWORD, NEWER))
})

test('SHA-1 is only accepted if requested', (t) => {
  t.false(verifyDjangoAuthHash(PASSWORD, SHA1_HASH, options))
  t.true(verifyDjangoAuthHash(PASSWORD, SHA1_HASH, { ...options, acceptSha1: true }))
  t.true(verifyDjangoAuthHash(PASSWORD, HASH, { ...options, acceptSha1: true }))
})

for (const given of [
  undefined,
  null,
  '',
  0,
  1,
  true,
  [HASH],
  { toString: () => HASH },
  HASH.toUpperCase(),
  `${HASH}0`,
]) {
  test(`${JSON.stringify(given)} is no hash`, (t) => {
    t.false(verifyDjangoAuthHash(PASSWORD, given, options))
  })
}

test('creates the three values that Django reads', (t) => {
  t.deepEqual(djangoSignIn(user, options), SIGNED_IN)
  t.true(isDjangoSignIn(session(djangoSignIn(user, options)), user, options))
})

test('a sign-in needs the right user, a configured backend, and the hash', (t) => {
  t.true(isDjangoSignIn(session(SIGNED_IN), user, options))
  t.false(isDjangoSignIn(session({}), user, options))
  t.false(isDjangoSignIn(session({ ...SIGNED_IN, _auth_user_id: '8' }), user, options))
  t.false(isDjangoSignIn(session({ ...SIGNED_IN, _auth_user_id: 7 }), user, options))
  t.false(isDjangoSignIn(session({ ...SIGNED_IN, _auth_user_backend: 'shop.backends.Retired' }), user, options))
  t.false(isDjangoSignIn(session({ ...SIGNED_IN, _auth_user_backend: undefined }), user, options))
  t.false(isDjangoSignIn(session({ ...SIGNED_IN, _auth_user_hash: SHA1_HASH }), user, options))
})

test('custom backends: the first is written, all of them are accepted', (t) => {
  const several: DjangoAuthOptions = { ...options, backends: ['shop.backends.Email', 'shop.backends.Card'] }
  t.is(djangoSignIn(user, several)['_auth_user_backend'], 'shop.backends.Email')
  t.true(isDjangoSignIn(session({ ...SIGNED_IN, _auth_user_backend: 'shop.backends.Card' }), user, several))
  t.false(isDjangoSignIn(session(SIGNED_IN), user, several))
})
