import type { Choice } from '../choice.ts'
import { EVICTED_FORWARD, EVICTS_USERS, RESTORED, SHOWN_EARLY } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'cache on Redis',
    measured: [{ candidate: 'cache-redis', name: 'cache on Redis' }],
    needs: ['cache'],
    machines: 'many machines',
    durable: false,
    bothGuarantees: true,
    lists: 'yes',
    keptIn: 'Depends on Redis persistence',
    complexity: 'Medium',
    memory: 'All sessions, in Redis',
    setup: 'A Redis server',
    upkeep: 'Memory, persistence, failover',
    statistics: 'yes, by reading every session',
    clearing: 'Expires by itself; of signed-in users by user, age and inactivity; all of an older prefix or version',
    warming: 'With CACHE_FALLBACK=db',
    down: 'Pages that use the session respond with 503, and the cookie stays; with CACHE_FALLBACK=db, the database is used.',
    restarted: 'Sessions that Redis had written to disk are restored; with CACHE_FALLBACK=db, all of them.',
    emptied: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    bestFor: 'Many machines and many changes, if Redis is in use anyway. Redis Cluster and Sentinel are supported.',
    avoidWhen: 'Losing a session costs more than a new sign-in, and Redis has no append-only file.',
    limits: [
      'After a crash, Redis has the state of its last snapshot or append-only file. With snapshots only, later changes are lost, and sessions ended since are valid again: set appendonly yes.',
      'A failover by Sentinel or Cluster may lose the last writes, the end of a session among them.',
      'When memory is full, Redis may evict sessions: set maxmemory-policy noeviction.',
      EVICTS_USERS,
      EVICTED_FORWARD,
      `With CACHE_FALLBACK=db, ${SHOWN_EARLY}`,
      'With CACHE_LOCAL_ENTRIES, a process may read a copy that is up to 750 milliseconds old, if the network fails. It never overwrites a newer version.',
      RESTORED,
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=redis://localhost:6379\nCACHE_FALLBACK=none',
  },
]

export default choices
