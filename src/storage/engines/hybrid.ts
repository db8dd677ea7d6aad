import { z } from 'zod'
import { COMPRESS_ABOVE_BYTES } from '../../session/codec/serializer.ts'
import { HybridEngine } from '../../session/engines/hybrid/hybrid.ts'
import { defineSettings, setting } from '../../settings.ts'
import { defineEngine } from '../part.ts'
import { databaseReady, openCookieCodec, openRecords, openRevocations, openTable, recordsReady } from '../records.ts'
import { replaySettings } from '../replay.ts'

const settings = defineSettings({
  SESSION_HYBRID_LIMIT: setting(
    z.coerce.number().int().min(256).max(4000).default(3000),
    'Max bytes of the cookie value in the hybrid engine; larger sessions are stored in the database',
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
  open(storage, context) {
    const { config } = context
    const { SESSION_HYBRID_LIMIT: limit } = settings.of(config)
    const store = openTable(storage, context)
    const revocations = openRevocations(context)
    return {
      engine: new HybridEngine({
        // maxBytes: a session that is far too large is not compressed and sealed in vain. tier: with the key of other
        // cookies, this engine would accept their cookies and never look at the record.
        codec: openCookieCodec(storage, context, {
          maxBytes: limit * 4,
          compressAbove: Math.min(COMPRESS_ABOVE_BYTES, limit / 2),
          tier: 'hybrid',
        }),
        stored: openRecords(storage, store, context),
        revocations,
        expiry: config.session.expiry,
        limit,
        maxReplay: replaySettings.of(config).SESSION_COOKIE_REPLAY,
        forwardSeconds: config.lateRequestSeconds,
      }),
      facts: storage.facts,
      keepsMetadata: storage.format.keepsMetadata,
      store,
      revocations,
      ready: async () => void (await Promise.all([recordsReady(store), databaseReady(revocations)])),
      close: async () => {},
    }
  },
})
