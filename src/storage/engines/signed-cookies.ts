import { z } from 'zod'
import { CookieEngine } from '../../session/engines/cookie/cookie.ts'
import { defineSettings, list, setting } from '../../settings.ts'
import { defineEngine } from '../part.ts'
import { databaseReady, openCookieCodec, openRevocations } from '../records.ts'
import { replaySettings } from '../replay.ts'

const settings = defineSettings({
  SESSION_COOKIE_OVERFLOW: setting(
    z.enum(['error', 'degrade']).default('error'),
    'What signed_cookies does with a session that is too large: error, or degrade',
  ),
  SESSION_COOKIE_DROP: setting(
    list.default([]),
    'What degrade may drop, the least important first: session keys, comma separated',
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
  open(place, context) {
    const { config, observe } = context
    const { cookie, expiry } = config.session
    const { SESSION_COOKIE_OVERFLOW: overflow, SESSION_COOKIE_DROP: dropOrder } = settings.of(config)
    const revocations = openRevocations(context)
    return {
      engine: new CookieEngine({
        codec: openCookieCodec(place, context),
        expiry,
        // The limit counts the name and the sign between as well.
        maxSize: cookie.maxSize - cookie.name.length - 1,
        revocations,
        overflow,
        dropOrder,
        maxReplay: replaySettings.of(config).SESSION_COOKIE_REPLAY,
        forwardFor: config.requestTimeout,
        observe,
      }),
      facts: place.facts,
      keepsMetadata: false,
      revocations,
      ready: () => databaseReady(revocations),
      close: async () => {},
    }
  },
})
