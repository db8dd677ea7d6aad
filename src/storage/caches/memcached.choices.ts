import type { Choice } from '../choice.ts'
import { EVICTED_FORWARD } from '../exceptions.ts'

const choices: readonly Choice[] = [
  {
    name: 'cache on Memcached',
    measured: [{ candidate: 'cache-memcached', name: 'cache on Memcached' }],
    needs: ['cache'],
    machines: 'many machines',
    durable: false,
    bothPromises: true,
    lists: 'with CACHE_FALLBACK=db',
    keptIn: 'Memory of the cache server',
    complexity: 'Medium',
    memory: 'All sessions, in Memcached',
    setup: 'Memcached 1.6 or later',
    upkeep: 'Watch evictions',
    statistics: 'With CACHE_FALLBACK=db',
    clearing: 'Expires by itself',
    warming: 'With CACHE_FALLBACK=db',
    down: 'Pages that need a session on it answer 503, and the cookie stays; with CACHE_FALLBACK=db, the database serves.',
    restarted: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    emptied: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    bestFor: 'Sessions that may be lost, or CACHE_FALLBACK=db, where Memcached is there already.',
    avoidWhen: 'Users must see and end their devices, or a sign-out by eviction would be a nuisance.',
    exceptions: [
      'A full server forgets in silence what was longest without use, and a restarted one everything. Those sessions end.',
      EVICTED_FORWARD,
      'A change of the list of servers ends the sessions whose place moves. A server must be empty when it returns to the list, or what was ended meanwhile lives again.',
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=memcached://localhost:11211',
  },
]

export default choices
