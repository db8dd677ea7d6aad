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
    bothPromises: true,
    lists: 'yes',
    keptIn: 'Disk, and copies in the cache',
    complexity: 'High',
    memory: 'Active sessions, in the cache',
    setup: 'A database and a cache',
    upkeep: 'That of both',
    statistics: 'Yes',
    clearing: 'Yes',
    warming: 'Yes',
    down: 'The cache: the database serves. The database: copies are read for up to SESSION_CACHE_TIMEOUT, and changes are a 503.',
    restarted: 'Nothing is lost; copies are made again.',
    emptied:
      'The cache: nothing is lost. The database: everyone is signed out, after SESSION_CACHE_TIMEOUT at the latest.',
    bestFor: 'Many reads for each change, on sessions that must neither be lost nor wait for an outage of the cache.',
    avoidWhen: 'One database is quick enough alone, or there is nobody to look after two servers.',
    exceptions: [
      'While one process cannot reach the cache and another can, the other may read a copy that is up to SESSION_CACHE_TIMEOUT old, of an ended session too. Nothing is ever saved on it.',
      'write_behind: a change waits about 100 milliseconds for the database, longer while it is down. It is lost if the cache loses the entry meanwhile and the process dies or another one serves the session first, or if processes disagree on whether the cache is down.',
      'With CACHE_URL=memory: it is for a single process, since no other would notice a change.',
      'A restored backup of the database takes the sessions back in time: those ended since live again, and what was changed since is gone with the next change. Until then the cache may show it, for SESSION_CACHE_TIMEOUT: empty it as well.',
    ],
    settings:
      'SESSION_ENGINE=cached_db\nDATABASE_URL=postgres://app:password@localhost/app\nCACHE_URL=redis://localhost:6379\nSESSION_CACHE_STRATEGY=write_through',
  },
]

export default choices
