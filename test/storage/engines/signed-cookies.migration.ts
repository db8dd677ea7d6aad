import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import { cookieMigration } from '../../../src/session/engines/migrating/cookie-migration.ts'
import { formats } from '../../../src/storage/index.ts'
import { EXPIRY } from '../../support/engine.ts'
import { codecIn, type MigratableEngine } from '../../support/migratable.ts'

export default formats.map((format) => ({
  name: `signed_cookies, ${format.name}`,
  at:
    ({ revocations, now }) =>
    () => {
      const codec = codecIn(now, { format })
      return cookieMigration(new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4000, revocations, now }))
    },
  server: false,
})) satisfies MigratableEngine[]
