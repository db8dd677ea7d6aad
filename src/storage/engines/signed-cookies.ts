import { z } from 'zod'
import { CookieEngine } from '../../session/engines/cookie/cookie.ts'
import { defineSettings, list, setting } from '../../settings.ts'
import { defineEngine } from '../part.ts'
import { databaseReady, openCookieCodec, openRevocations } from '../records.ts'
import { replaySettings } from '../replay.ts'

const settings = defineSettings({
  SESSION_COOKIE_OVERFLOW: setting(
    z.enum(['error', 'degrade']).default('error'),
    'What signed_cookies does with a session that is too large: error, or degrade (drops the keys of SESSION_COOKIE_DROP)',
  ),
  SESSION_COOKIE_DROP: setting(
    list.default([]),
    'Session keys that degrade may drop, comma separated, the least important first',
  ),
})

/** Every session is in its cookie. */
export default defineEngine({
  name: 'signed_cookies',
  help: 'the cookie itself',
  settings: [settings, replaySettings],
  shareable: true,
  facts: () => ({ inCookies: 'all' }),
  choice: () => 'signed_cookies',
  choices: () => import('./signed-cookies.choices.ts'),
  open(storage, context) {
    const { config, observe } = context
    const { cookie, expiry } = config.session
    const { SESSION_COOKIE_OVERFLOW: overflow, SESSION_COOKIE_DROP: dropOrder } = settings.of(config)
    const revocations = openRevocations(context)
    return {
      engine: new CookieEngine({
        codec: openCookieCodec(storage, context),
        expiry,
        // The limit includes the name and the equals sign.
        maxSize: cookie.maxSize - cookie.name.length - 1,
        revocations,
        overflow,
        dropOrder,
        maxReplay: replaySettings.of(config).SESSION_COOKIE_REPLAY,
        forwardSeconds: config.lateRequestSeconds,
        observe,
      }),
      facts: storage.facts,
      keepsMetadata: false,
      revocations,
      ready: () => databaseReady(revocations),
      close: async () => {},
    }
  },
})
