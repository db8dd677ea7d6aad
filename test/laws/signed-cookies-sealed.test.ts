import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { SECRETS } from './sealed.ts'
import { signedCookiesLaws } from './signed-cookies.ts'

signedCookiesLaws('sealed', (now) => sealedCookieCodec({ secrets: SECRETS, cookieName: 'sid', now }))
