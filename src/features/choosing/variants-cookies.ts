import type { Variant } from './variants.ts'
import { RESTORED } from './variants-stored.ts'

const LAST_WINS = 'Of two changes that overlap, the one whose answer comes last wins.'
const COPIES =
  'A logout ends every copy of a signed-in cookie. A copy of an anonymous one, and an older one of any live session, counts until its age or SESSION_COOKIE_REPLAY is over.'

const LATE =
  'After a change of key, a request that is under way with the old cookie reads, but its change is refused with a 409; an answer that was sent before and arrives later brings the old cookie back.'

const LATE_LOGOUT =
  'The answer to a logout that an anonymous visitor sent before signing in takes the newer cookie from the browser.'

const RESTORED_ENDINGS =
  'A restored backup of the database forgets which sign-ins were ended since: copies of their cookies count again, until their age or SESSION_COOKIE_REPLAY is over.'

/** Engines that leave sessions with the browser. */
export const cookieVariants: readonly Variant[] = [
  {
    id: 'signed_cookies',
    engine: 'signed_cookies',
    name: 'signed_cookies',
    measured: [
      { candidate: 'signed_cookies-sealed', name: 'signed_cookies, sealed' },
      { candidate: 'signed_cookies-django', name: 'signed_cookies, django' },
    ],
    glance: {
      persistence: 'The browser',
      scale: 'Many machines',
      complexity: 'Medium',
      memory: 'Almost none',
      setup: 'A secret, and the database for logouts',
      upkeep: 'Keep sessions small',
    },
    faults: {
      out: 'Without the database, signed-in visitors get a 503; anonymous ones notice nothing.',
      restarted: 'Nothing is lost.',
      emptied: 'Nobody is signed out; but sessions that were ended count again until their age is over.',
    },
    abilities: {
      devices: 'No list; all can be ended',
      stats: 'No',
      clear: 'Of ended sign-ins',
      warming: 'Not needed',
    },
    bestFor: 'Small sessions of mostly anonymous visitors, and nothing of theirs kept on the server.',
    avoidWhen: 'Changes overlap (carts, counters), sessions grow beyond 4096 bytes, or a replay would do harm.',
    exceptions: [LAST_WINS, COPIES, LATE, LATE_LOGOUT, RESTORED_ENDINGS],
    settings:
      'SESSION_ENGINE=signed_cookies\nSESSION_FORMAT=sealed\nSESSION_COOKIE_OVERFLOW=error\nSESSION_COOKIE_REPLAY=86400',
  },
  {
    id: 'hybrid',
    engine: 'hybrid',
    name: 'hybrid',
    measured: [{ candidate: 'hybrid', name: 'hybrid' }],
    glance: {
      persistence: 'The browser and the disk',
      scale: 'As its database',
      complexity: 'High',
      memory: 'Little',
      setup: 'A secret and a database',
      upkeep: 'That of the database',
    },
    faults: {
      out: 'Without the database, signed-in visitors and those with a large session get a 503; others notice nothing.',
      restarted: 'Nothing is lost.',
      emptied: 'Large sessions end. Small ones go on, and those that were ended count again until their age is over.',
    },
    abilities: {
      devices: 'Large sessions; all can be ended',
      stats: 'Large sessions',
      clear: 'Yes',
      warming: 'Not needed',
    },
    bestFor: 'Sessions that are small for most visitors and large for a few.',
    avoidWhen: 'Every session must keep both promises, or one size fits all: then take db or signed_cookies.',
    exceptions: [
      RESTORED,
      'Above SESSION_HYBRID_LIMIT a session is in the database, and both promises hold. In the cookie they do not:',
      LAST_WINS,
      COPIES,
      LATE,
      LATE_LOGOUT,
      RESTORED_ENDINGS,
    ],
    settings: 'SESSION_ENGINE=hybrid\nSESSION_HYBRID_LIMIT=3000\nDATABASE_URL=postgres://app:password@localhost/app',
  },
]
