import type { Choice } from '../choice.ts'
import { COOKIE_EXCEPTIONS } from '../cookie-exceptions.ts'
import { RESTORED } from '../exceptions.ts'

const choices: readonly Choice[] = [
  {
    name: 'hybrid',
    measured: [{ candidate: 'hybrid', name: 'hybrid' }],
    needs: [],
    machines: 'many machines',
    durable: true,
    bothPromises: false,
    lists: 'large sessions',
    keptIn: 'Browser and disk',
    complexity: 'High',
    memory: 'Little',
    setup: 'A secret and a database',
    upkeep: 'That of the database',
    statistics: 'Large sessions',
    clearing: 'Yes',
    warming: 'Not needed',
    down: 'Without the database, signed-in visitors and those with a large session get a 503; others notice nothing.',
    restarted: 'Nothing is lost.',
    emptied: 'Large sessions end. Small ones go on, and those that were ended count again until their age is over.',
    bestFor: 'Sessions that are small for most visitors and large for a few.',
    avoidWhen: 'Every session must keep both promises, or one size fits all: then take db or signed_cookies.',
    exceptions: [
      RESTORED,
      'Above SESSION_HYBRID_LIMIT a session is in the database, and both promises hold. In the cookie they do not:',
      ...COOKIE_EXCEPTIONS,
    ],
    settings: 'SESSION_ENGINE=hybrid\nSESSION_HYBRID_LIMIT=3000\nDATABASE_URL=postgres://app:password@localhost/app',
  },
]

export default choices
