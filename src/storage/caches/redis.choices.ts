import type { Choice } from '../choice.ts'
import { EVICTED_FORWARD, RESTORED } from '../exceptions.ts'

const choices: readonly Choice[] = [
  {
    name: 'cache on Redis',
    measured: [{ candidate: 'cache-redis', name: 'cache on Redis' }],
    needs: ['cache'],
    machines: 'many machines',
    durable: false,
    bothPromises: true,
    lists: 'yes',
    keptIn: 'As Redis is set up',
    complexity: 'Medium',
    memory: 'All sessions, in Redis',
    setup: 'A Redis server',
    upkeep: 'Memory, persistence, failover',
    statistics: 'With CACHE_FALLBACK=db',
    clearing: 'Expires by itself',
    warming: 'With CACHE_FALLBACK=db',
    down: 'Pages that need the session answer 503, and the cookie stays; with CACHE_FALLBACK=db, the database serves.',
    restarted: 'What Redis had written to its disk is there again; with CACHE_FALLBACK=db, all of it.',
    emptied: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    bestFor:
      'Many machines and many changes, where a Redis is looked after anyway. Cluster and Sentinel are for the largest.',
    avoidWhen: 'Losing a session costs more than a new sign-in, and Redis keeps no log on disk.',
    exceptions: [
      'After a crash, Redis is as its last snapshot or log was. With snapshots alone, later changes are lost, and sessions ended since then live again: set appendonly yes.',
      'A failover by Sentinel or Cluster may lose the last writes, the end of a session among them.',
      'A full Redis that may evict forgets sessions: set maxmemory-policy noeviction.',
      EVICTED_FORWARD,
      'With CACHE_LOCAL_ENTRIES, a process may read a copy that is up to 5 seconds old. It never saves over a newer one.',
      RESTORED,
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=redis://localhost:6379\nCACHE_FALLBACK=none',
  },
]

export default choices
