import type { Services } from '../../services.ts'
import type { SessionEvent } from '../../session/core/events.ts'
import type { EngineFacts } from '../../storage/part.ts'
import type { Translate } from '../../web/i18n.ts'
import type { RequestRecord } from './requests.ts'

/** Where the session came from, or why there is none. */
export function originText(
  { explanation: { opening, live }, events }: RequestRecord,
  { migrating }: Services['config']['session'],
  facts: EngineFacts,
  t: Translate,
): string {
  if (opening === undefined) return t('Not loaded: the page did not ask for the session.')
  const { cookies, failed, suspicion, detail = '' } = opening
  if (failed !== undefined) return t('The storage did not answer ({error}).', { error: failed })
  if (cookies === 0) return t('None: the browser sent no cookie.')
  if (!opening.live) return missingText(suspicion, detail, t)
  const loads = events.filter((event) => event.type === 'operation' && event.operation === 'load')
  if (migrating?.moves && loads.length > 1) {
    return t('From {engine}, which sessions are migrated from.', { engine: migrating.other.engine })
  }
  // `live` is undefined if it has been ended by now.
  if (live?.inCookie || facts.inCookies === 'all') return t('From the cookie itself.')
  return fromCache(events, t) ?? fromStore(facts, t)
}

function missingText(suspicion: string | undefined, detail: string, t: Translate): string {
  switch (suspicion) {
    case 'duplicate-cookie':
      return t('None: the browser sent several cookies of that name, so none of them counts.')
    case 'malformed-cookie':
      return t('None: the cookie does not look like a session key.')
    case 'unknown-key':
      return t('None: no session has this key. It has expired, was ended, or never existed.')
    case 'undecodable':
      return t('None: the data for this cookie cannot be read ({detail}).', { detail })
    case 'revoked':
      return t('None: the session in the cookie was signed out.')
    default:
      return t('None: the session in the cookie has ended.')
  }
}

/** The first event of the cache is about loading; later ones are about saving. */
function fromCache(events: readonly SessionEvent[], t: Translate): string | undefined {
  for (const event of events) {
    if (event.type !== 'cache') continue
    if (event.outcome === 'hit') return t('From the copy in the cache.')
    if (event.outcome === 'miss') return t('From the database: the cache had no copy.')
    if (event.outcome === 'failed') return t('From the database: the cache did not answer.')
    if (event.outcome === 'stale') return t('From the database: the copy in the cache could not be trusted.')
  }
  return undefined
}

function fromStore({ folder, cached, inCookies }: EngineFacts, t: Translate): string {
  if (folder !== undefined) return t('From a file.')
  if (cached === 'only records') return t('From the cache.')
  if (inCookies === 'small')
    return t('From its record in the database, where it was moved when the cookie was too small.')
  return t('From the database.')
}
