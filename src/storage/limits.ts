/** A limit of every record that can be restored from a backup. */
export const RESTORED =
  'A restored backup resets the sessions to its time: later changes are lost, and sessions ended since are valid again.'

/** A limit of caches with the only records. */
export const EVICTED_FORWARD =
  'Without CACHE_FALLBACK=db, within REQUEST_TIMEOUT and 30 seconds after a change of key, the cache may also evict the forward from the old key to the new one. A late request with the old key is then anonymous: if it changes the session, a new one begins, whose cookie may replace the newer one, and a logout ends nothing.'

export const EVICTS_USERS =
  'A full server evicts sessions of users as well as those of anonymous visitors: bound the latter by SESSION_MAX_NEW_PER_MINUTE and SESSION_COOKIE_AGE.'

export const NOT_COUNTED = 'SESSION_MAX_PER_USER does not apply, because the sessions of a user are not listed.'

/** A limit of copies of a database's records, which the database may be ahead of: the end of a sentence, and more. */
export const SHOWN_EARLY =
  'while a change is being saved, one page may show it and the next not yet: for milliseconds, or about a second while a process does not reach the cache. Once it is answered, every later page shows it, unless another of these limits says otherwise. If it is never answered because its process was killed, pages may differ until the next change of the session, or for SESSION_CACHE_TIMEOUT at most, even after a retry that found the change and saved nothing. Nothing is overwritten.'
