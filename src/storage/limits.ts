/** A limit of every record that can be restored from a backup. */
export const RESTORED =
  'A restored backup resets the sessions to its time: later changes are lost, and sessions ended since are valid again.'

/** A limit of caches with the only records. */
export const EVICTED_FORWARD =
  'Without CACHE_FALLBACK=db, within REQUEST_TIMEOUT and 30 seconds after a change of key, the cache may also evict the forward from the old key to the new one. A late request with the old key is then anonymous: if it changes the session, a new one begins, whose cookie may replace the newer one, and a logout ends nothing.'

export const EVICTS_USERS =
  'A full server evicts sessions of users as well as those of anonymous visitors: bound the latter by SESSION_MAX_NEW_PER_MINUTE and SESSION_COOKIE_AGE.'

export const NOT_COUNTED = 'SESSION_MAX_PER_USER does not apply, because the sessions of a user are not listed.'
