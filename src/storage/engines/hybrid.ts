import { z } from 'zod'
import { HybridEngine } from '../../session/engines/hybrid/hybrid.ts'
import { defineSettings, setting } from '../../settings.ts'
import { defineEngine } from '../part.ts'
import { databaseReady, openCookieCodec, openRecords, openRevocations, openTable } from '../records.ts'
import { replaySettings } from '../replay.ts'

const settings = defineSettings({
  SESSION_HYBRID_LIMIT: setting(
    z.coerce.number().int().min(256).max(4000).default(3000),
    'Largest cookie value of the hybrid engine; what is larger goes to the database',
  ),
})

/** Small sessions are in their cookies, large ones in the database. */
export default defineEngine({
  name: 'hybrid',
  help: 'the cookie, and a table for large sessions',
  settings: [settings, replaySettings],
  shareable: false,
  facts: (config) => ({
    table: true,
    inCookies: 'small',
    cookieLimit: settings.of(config).SESSION_HYBRID_LIMIT,
  }),
  choice: () => 'hybrid',
  choices: () => import('./hybrid.choices.ts'),
  open(place, context) {
    const { config } = context
    const { SESSION_HYBRID_LIMIT: limit } = settings.of(config)
    const store = openTable(place, context)
    const revocations = openRevocations(context)
    return {
      engine: new HybridEngine({
        // What is far too large for the cookie is not deflated and sealed in vain. And not the key of other cookies, or
        // one engine would take the other's cookie for its own and never look at the record.
        codec: openCookieCodec(place, context, { maxBytes: limit * 4, tier: 'hybrid' }),
        stored: openRecords(place, store, context),
        revocations,
        expiry: config.session.expiry,
        limit,
        maxReplay: replaySettings.of(config).SESSION_COOKIE_REPLAY,
        forwardFor: config.requestTimeout,
      }),
      facts: place.facts,
      keepsMetadata: place.format.keepsMetadata,
      store,
      revocations,
      ready: async () => void (await Promise.all([databaseReady(store), databaseReady(revocations)])),
      close: async () => {},
    }
  },
})
