import { sealedCodec, sealedPrefixes } from '../../session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from '../../session/codec/sealed/sealed-cookie.ts'
import { defineFormat } from '../part.ts'

/** Encrypted, under hashed keys. */
export default defineFormat({
  name: 'sealed',
  help: 'encrypted, hashed keys',
  settings: [],
  table: 'sessions',
  indexes: [['expires'], ['last_activity'], ['user_id', 'expires'], ['ip_address', 'expires']],
  keepsMetadata: true,
  shared: false,
  codec: ({ cookieName: namespace, ...options }) => sealedCodec({ ...options, namespace }),
  cookieCodec: sealedCookieCodec,
  prefixes: sealedPrefixes,
})
