import type { Choice } from '../choice.ts'

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
    down: 'The cache: the database is used. The database: copies are read for up to SESSION_CACHE_TIMEOUT, and changes get a 503.',
    restarted: 'Nothing is lost; copies are made again.',
    emptied:
      'The cache: nothing is lost. The database: everyone is signed out, after SESSION_CACHE_TIMEOUT at the latest.',
    bestFor: 'Many reads for each change, with sessions that must not be lost and must survive an outage of the cache.',
    avoidWhen: 'The database alone is fast enough, or maintaining two servers is too much work.',
    limits: [
      'If one process cannot reach the cache and another one can, the latter may read a copy that is up to SESSION_CACHE_TIMEOUT old, even of an ended session. It is never the basis of a save.',
      'write_behind: a change reaches the database after about 100 milliseconds, later if the database is down. It is lost if the cache loses the entry before and the process crashes or another one uses the session first, or if processes disagree on whether the cache is down.',
      'With CACHE_URL=memory: it is for a single process, since others would not see its changes.',
      'A restored backup of the database resets the sessions to its time: sessions ended since are valid again, and later changes are lost with the next save. Until then the cache may show them, for SESSION_CACHE_TIMEOUT: empty it as well.',
    ],
    settings:
      'SESSION_ENGINE=cached_db\nDATABASE_URL=postgres://app:password@localhost/app\nCACHE_URL=redis://localhost:6379\nSESSION_CACHE_STRATEGY=write_through',
  },
]

export default choices
