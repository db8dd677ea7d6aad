import type { Choice } from '../choice.ts'
import { SHOWN_EARLY } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'cached_db',
    measured: [
      { candidate: 'cached_db', name: 'cached_db, write_through' },
      { candidate: 'cached_db-aside', name: 'cached_db, cache_aside' },
      { candidate: 'cached_db-behind', name: 'cached_db, write_behind' },
    ],
    needs: ['database', 'cache'],
    machines: 'many machines',
    durable: true,
    bothGuarantees: true,
    lists: 'yes',
    keptIn: 'Disk, and copies in the cache',
    complexity: 'High',
    memory: 'Active sessions, in the cache',
    setup: 'A database and a cache',
    upkeep: 'Same as both servers',
    statistics: 'Yes',
    clearing: 'Yes',
    warming: 'Yes',
    down: 'The cache: the database is used. The database: sessions get a 503, after 750 milliseconds at the latest.',
    restarted: 'Nothing is lost, and nothing that was ended comes back; copies are made again.',
    emptied:
      'The cache: nothing is lost. The table of sessions: everyone is signed out, after SESSION_CACHE_TIMEOUT at the latest; at once if session_epochs is emptied as well.',
    bestFor: 'Many reads for each change, with sessions that must not be lost and must survive an outage of the cache.',
    avoidWhen: 'The database alone is fast enough, or maintaining two servers is too much work.',
    limits: [
      'A request that begins after an answered logout never opens the session, whether the cache was restarted, emptied or unreachable, or a process was killed or redeployed. Exceptions are a database that itself went back (an asynchronous failover, a backup; SQLite after a power failure), and for SESSION_CACHE_TIMEOUT a failover of the cache that no connection noticed, after which a page may also show an older state.',
      'When the cache does not confirm that a copy was removed or replaced, the response waits up to 0.8 seconds, and no process uses copies until a cache is reachable again for 2 seconds, or up to a minute if it happens again and again.',
      'All processes on one table must run this engine with the same cache settings: while some have another CACHE_URL, CACHE_KEY_PREFIX or CACHE_VERSION, no copies are used most of the time; while some run the engine db, sessions that these end stay open in the others for up to SESSION_CACHE_TIMEOUT.',
      `With write_through or cache_aside, ${SHOWN_EARLY}`,
      'write_behind needs one Redis server, with or without Sentinel. A change reaches the database after about 100 milliseconds, later if the database is down, and is lost if Redis loses it before; or if, while Redis does not answer, the process that accepted it is killed or stands still for 2 seconds, and the session is changed before Redis is back. Sign-ins and endings go to the database first.',
      'write_behind: while Redis does not answer, and after it was restarted, sessions get a 503 for about 5 seconds, until all processes have written their changes to the database.',
      'To change to or from write_behind, stop all processes first.',
      'CACHE_URL=memory: is for a single process: of several, at most one uses its cache.',
      'A restored backup of the database resets the sessions to its time: sessions ended since are valid again, and later changes are lost with the next save. Until then the cache may show them, for SESSION_CACHE_TIMEOUT: empty it as well.',
    ],
    settings:
      'SESSION_ENGINE=cached_db\nDATABASE_URL=postgres://app:password@localhost/app\nCACHE_URL=redis://localhost:6379\nSESSION_CACHE_STRATEGY=write_through',
  },
]

export default choices
