import type { Choice } from '../choice.ts'
import { EVICTED_FORWARD, EVICTS_USERS, NOT_COUNTED, SHOWN_EARLY } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'cache on Memcached',
    measured: [{ candidate: 'cache-memcached', name: 'cache on Memcached' }],
    needs: ['cache'],
    machines: 'many machines',
    durable: false,
    bothGuarantees: true,
    lists: 'with CACHE_FALLBACK=db',
    keptIn: 'Memory of the cache server',
    complexity: 'Medium',
    memory: 'All sessions, in Memcached',
    setup: 'Memcached 1.6 or later',
    upkeep: 'Watch evictions',
    statistics: 'With CACHE_FALLBACK=db',
    clearing: 'Expires by itself',
    warming: 'With CACHE_FALLBACK=db',
    down: 'Pages that use a session on it respond with 503, and the cookie stays; with CACHE_FALLBACK=db, the database is used.',
    restarted: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    emptied: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    bestFor: 'Sessions that may be lost, or CACHE_FALLBACK=db, if Memcached is in use already.',
    avoidWhen: 'Users must see and end their sessions, or must not be signed out by an eviction.',
    limits: [
      'A full server silently evicts the least recently used sessions, and a restarted one loses all. Those sessions end.',
      EVICTS_USERS,
      EVICTED_FORWARD,
      `With CACHE_FALLBACK=db, ${SHOWN_EARLY}`,
      `Without CACHE_FALLBACK=db, ${NOT_COUNTED}`,
      'When the list of servers changes, sessions that map to another server end. A server that returns to the list must be empty, or sessions that were ended meanwhile are valid again.',
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=memcached://localhost:11211',
  },
]

export default choices
