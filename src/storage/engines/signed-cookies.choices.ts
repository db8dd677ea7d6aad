import type { Choice } from '../choice.ts'
import { COOKIE_LIMITS } from '../cookie-limits.ts'
import { NOT_COUNTED } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'signed_cookies',
    measured: [
      { candidate: 'signed_cookies-sealed', name: 'signed_cookies, sealed' },
      { candidate: 'signed_cookies-django', name: 'signed_cookies, django' },
    ],
    needs: [],
    machines: 'many machines',
    durable: true,
    bothGuarantees: false,
    lists: 'no',
    keptIn: 'Browser',
    complexity: 'Medium',
    memory: 'Almost none',
    setup: 'A secret, and the database for logouts',
    upkeep: 'Keep sessions small',
    statistics: 'No',
    clearing: 'Revocations',
    warming: 'Not needed',
    down: 'Without the database, signed-in visitors get a 503; anonymous ones are not affected.',
    restarted: 'Nothing is lost.',
    emptied: 'Nobody is signed out, but ended sessions are valid again until their age is over.',
    bestFor: 'Small sessions of mostly anonymous visitors, without storage on the server.',
    avoidWhen: 'Changes overlap (carts, counters), sessions grow beyond 4096 bytes, or replayed cookies would do harm.',
    limits: [NOT_COUNTED, ...COOKIE_LIMITS],
    settings:
      'SESSION_ENGINE=signed_cookies\nSESSION_FORMAT=sealed\nSESSION_COOKIE_OVERFLOW=error\nSESSION_COOKIE_REPLAY=86400',
  },
]

export default choices
