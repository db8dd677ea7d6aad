import type { Variant } from './variants.ts'

const SIGNED_OUT = 'Everyone is signed out, cleanly.'
const NOTHING_LOST = 'Nothing is lost.'
const OR_FALLBACK = 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.'
const WITH_FALLBACK = 'With CACHE_FALLBACK=db'
const BY_ITSELF = 'Expires by itself'
export const RESTORED =
  'A restored backup takes the sessions back in time: what was changed since is gone, and those ended since live again.'
const EVICTED_FORWARD =
  'Without CACHE_FALLBACK=db, an eviction may also take what leads from an old key to the new one, for REQUEST_TIMEOUT after a change of key. A late request with the old key is then anonymous: a change of it begins a session, whose cookie may replace the newer one, and a logout ends nothing.'

/** Engines that keep a record of every session. */
export const storedVariants: readonly Variant[] = [
  {
    id: 'db-sqlite',
    engine: 'db',
    name: 'db on SQLite',
    measured: [{ candidate: 'db', name: 'db on SQLite' }],
    glance: {
      persistence: 'Disk',
      scale: 'One machine',
      complexity: 'Low',
      memory: 'Little',
      setup: 'Nothing, it is the default',
      upkeep: 'Back up one file',
    },
    faults: {
      out: 'There is no server. A full disk, or a database locked for 5 seconds, is a 503; the cookie stays.',
      restarted: NOTHING_LOST,
      emptied: SIGNED_OUT,
    },
    abilities: { devices: 'Yes', stats: 'Yes', clear: 'Yes', warming: 'Not needed' },
    bestFor: 'Development, and every application that one machine is enough for.',
    avoidWhen: 'There are several machines, or a change of the session in nearly every request of a busy site.',
    exceptions: [
      'A power cut may cost the commits of the last moment (synchronous=NORMAL); a crash costs none.',
      RESTORED,
    ],
    settings: 'SESSION_ENGINE=db\nDATABASE_URL=sqlite:./data/app.sqlite3',
  },
  {
    id: 'db-server',
    engine: 'db',
    name: 'db on PostgreSQL or MySQL',
    measured: [],
    glance: {
      persistence: 'Disk',
      scale: 'Many machines',
      complexity: 'Low',
      memory: 'Little',
      setup: 'A database server',
      upkeep: 'That of the database',
    },
    faults: {
      out: 'Pages that need the session answer 503 after a second at most; the cookie stays.',
      restarted: NOTHING_LOST,
      emptied: SIGNED_OUT,
    },
    abilities: { devices: 'Yes', stats: 'Yes', clear: 'Yes', warming: 'Not needed' },
    bestFor: 'Several machines that share a database anyway, and sessions that must outlast everything.',
    avoidWhen: 'The database is the bottleneck already: put a cache in front of it with cached_db.',
    exceptions: [
      'A failover to a replica that lags behind takes the sessions back in time, as it does all other data.',
      RESTORED,
    ],
    settings: 'SESSION_ENGINE=db\nDATABASE_URL=postgres://app:password@localhost/app',
  },
  {
    id: 'cached_db',
    engine: 'cached_db',
    name: 'cached_db',
    measured: [
      { candidate: 'cached_db', name: 'cached_db, write_through' },
      { candidate: 'cached_db-aside', name: 'cached_db, cache_aside' },
      { candidate: 'cached_db-behind', name: 'cached_db, write_behind' },
    ],
    glance: {
      persistence: 'Disk',
      scale: 'Many machines',
      complexity: 'High',
      memory: 'Active sessions, in the cache',
      setup: 'A database and a cache',
      upkeep: 'That of both',
    },
    faults: {
      out: 'The cache: the database serves. The database: copies are read for up to SESSION_CACHE_TIMEOUT, and changes are a 503.',
      restarted: 'Nothing is lost; copies are made anew.',
      emptied:
        'The cache: nothing is lost. The database: everyone is signed out, after SESSION_CACHE_TIMEOUT at the latest.',
    },
    abilities: { devices: 'Yes', stats: 'Yes', clear: 'Yes', warming: 'Yes' },
    bestFor: 'Many reads for each change, on sessions that must neither be lost nor wait for an outage of the cache.',
    avoidWhen: 'One database is quick enough alone, or there is nobody to look after two servers.',
    exceptions: [
      'While one process cannot reach the cache and another can, the other may read a copy that is up to SESSION_CACHE_TIMEOUT old, of an ended session too. Nothing is ever saved on it.',
      'write_behind: a change waits about 100 milliseconds for the database, longer while that is out. It is lost if the cache loses the entry meanwhile and the process dies or another one serves the session first, or if processes disagree on whether the cache is down.',
      'With CACHE_URL=memory: it is for a single process, since no other would notice a change.',
      'A restored backup of the database takes the sessions back in time: those ended since live again, and what was changed since is gone with the next change. Until then the cache may show it, for SESSION_CACHE_TIMEOUT: empty it as well.',
    ],
    settings:
      'SESSION_ENGINE=cached_db\nDATABASE_URL=postgres://app:password@localhost/app\nCACHE_URL=redis://localhost:6379\nSESSION_CACHE_STRATEGY=write_through',
  },
  {
    id: 'cache-redis',
    engine: 'cache',
    name: 'cache on Redis',
    measured: [{ candidate: 'cache-redis', name: 'cache on Redis' }],
    glance: {
      persistence: 'As Redis is set up',
      scale: 'Many machines',
      complexity: 'Medium',
      memory: 'All sessions, in Redis',
      setup: 'A Redis server',
      upkeep: 'Memory, persistence, failover',
    },
    faults: {
      out: 'Pages that need the session answer 503, and the cookie stays; with CACHE_FALLBACK=db, the database serves.',
      restarted: 'What Redis had written to its disk is there again; with CACHE_FALLBACK=db, all of it.',
      emptied: OR_FALLBACK,
    },
    abilities: { devices: 'Yes', stats: WITH_FALLBACK, clear: BY_ITSELF, warming: WITH_FALLBACK },
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
  {
    id: 'cache-memcached',
    engine: 'cache',
    name: 'cache on Memcached',
    measured: [{ candidate: 'cache-memcached', name: 'cache on Memcached' }],
    glance: {
      persistence: 'In memory',
      scale: 'Many machines',
      complexity: 'Medium',
      memory: 'All sessions, in Memcached',
      setup: 'Memcached 1.6 or later',
      upkeep: 'Watch evictions',
    },
    faults: {
      out: 'Pages that need a session on it answer 503, and the cookie stays; with CACHE_FALLBACK=db, the database serves.',
      restarted: OR_FALLBACK,
      emptied: OR_FALLBACK,
    },
    abilities: { devices: WITH_FALLBACK, stats: WITH_FALLBACK, clear: BY_ITSELF, warming: WITH_FALLBACK },
    bestFor: 'Sessions that may be lost, or CACHE_FALLBACK=db, where Memcached is there already.',
    avoidWhen: 'Users must see and end their devices, or a sign-out by eviction would be a nuisance.',
    exceptions: [
      'A full server forgets in silence what was longest without use, and a restarted one everything. Those sessions end.',
      EVICTED_FORWARD,
      'A change of the list of servers ends the sessions whose place moves. A server must be empty when it returns to the list, or what was ended meanwhile lives again.',
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=memcached://localhost:11211',
  },
  {
    id: 'cache-memory',
    engine: 'cache',
    name: 'cache in memory',
    measured: [{ candidate: 'cache-memory', name: 'cache in memory' }],
    glance: {
      persistence: 'In memory',
      scale: 'One process',
      complexity: 'Low',
      memory: 'All sessions, 64 MiB at most',
      setup: 'Nothing',
      upkeep: 'None',
    },
    faults: {
      out: 'There is no server.',
      restarted: 'Everyone is signed out whenever the application restarts; with CACHE_FALLBACK=db, nobody is.',
      emptied: OR_FALLBACK,
    },
    abilities: { devices: 'Yes', stats: WITH_FALLBACK, clear: BY_ITSELF, warming: WITH_FALLBACK },
    bestFor: 'Tests, demonstrations, and a single process whose sessions are worth little.',
    avoidWhen: 'There is a second process, or a deployment must not sign anybody out.',
    exceptions: [
      'A restart ends every session, and beyond 64 MiB the one that was longest without use ends.',
      EVICTED_FORWARD,
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=memory:',
  },
  {
    id: 'file',
    engine: 'file',
    name: 'file',
    measured: [{ candidate: 'file', name: 'file' }],
    glance: {
      persistence: 'Disk',
      scale: 'One machine',
      complexity: 'Low',
      memory: 'Almost none',
      setup: 'A folder',
      upkeep: 'Disk space and inodes',
    },
    faults: {
      out: 'There is no server. A full or read-only disk is a 503, and the old record stays whole.',
      restarted: 'Nothing is lost: a record is on the disk before the answer.',
      emptied: SIGNED_OUT,
    },
    abilities: { devices: 'No', stats: 'Yes', clear: 'Yes', warming: 'Not needed' },
    bestFor: 'One machine, few changes, and sessions that can be looked at, copied and restored with any tool.',
    avoidWhen: 'Sessions change often, there are millions of them, or users must see their devices.',
    exceptions: ['It is for one machine. Several may share a folder if their clocks agree to a second.', RESTORED],
    settings: 'SESSION_ENGINE=file\nSESSION_FILE_PATH=./data/sessions\nSESSION_FILE_LAYOUT=hashed',
  },
]
