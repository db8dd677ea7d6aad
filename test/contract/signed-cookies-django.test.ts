import { djangoCookieCodec } from '../../src/session/codec/django/django.ts'
import { signedCookiesContract } from './signed-cookies.ts'

signedCookiesContract('django', (now) =>
  djangoCookieCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], now }),
)
