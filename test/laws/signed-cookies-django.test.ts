import { djangoCookieCodec } from '../../src/session/codec/django/django.ts'
import { signedCookiesLaws } from './signed-cookies.ts'

signedCookiesLaws('django', (now) => djangoCookieCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], now }))
