/** What a record cannot promise once it comes out of a backup. */
export const RESTORED =
  'A restored backup takes the sessions back in time: what was changed since is gone, and those ended since live again.'

/** What a cache that has the only records cannot promise. */
export const EVICTED_FORWARD =
  'Without CACHE_FALLBACK=db, an eviction may also take what leads from an old key to the new one, for REQUEST_TIMEOUT after a change of key. A late request with the old key is then anonymous: a change of it begins a session, whose cookie may replace the newer one, and a logout ends nothing.'
