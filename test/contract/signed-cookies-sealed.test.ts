import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { SECRETS } from './sealed.ts'
import { signedCookiesContract } from './signed-cookies.ts'

signedCookiesContract('sealed', (now) => sealedCookieCodec({ secrets: SECRETS, cookieName: 'sid', now }))
