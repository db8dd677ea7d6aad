import type { Choice } from '../choice.ts'
import { COOKIE_LIMITS } from '../cookie-limits.ts'
import { RESTORED } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'hybrid',
    measured: [{ candidate: 'hybrid', name: 'hybrid' }],
    needs: [],
    machines: 'many machines',
    durable: true,
    bothGuarantees: false,
    lists: 'large sessions',
    keptIn: 'Browser and disk',
    complexity: 'High',
    memory: 'Little',
    setup: 'A secret and a database',
    upkeep: 'Same as the database',
    statistics: 'Large sessions',
    clearing: 'Yes',
    warming: 'Not needed',
    down: 'Without the database, signed-in visitors and those with a large session get a 503; others are not affected.',
    restarted: 'Nothing is lost.',
    emptied: 'Large sessions end. Small ones stay valid, and ended ones are valid again until their age is over.',
    bestFor: 'Sessions that are small for most visitors and large for a few.',
    avoidWhen:
      'Both guarantees are needed for every session, or all sessions are of similar size: use db or signed_cookies.',
    limits: [
      'SESSION_MAX_PER_USER only counts sessions in the database.',
      RESTORED,
      'Above SESSION_HYBRID_LIMIT a session is in the database, and both guarantees hold. In the cookie these limits apply:',
      ...COOKIE_LIMITS,
    ],
    settings: 'SESSION_ENGINE=hybrid\nSESSION_HYBRID_LIMIT=3000\nDATABASE_URL=postgres://app:password@localhost/app',
  },
]

export default choices
