import type { Decision } from '../../session/http/settle.ts'
import type { Explanation } from '../../session/index.ts'
import type { Translate } from '../../web/i18n.ts'
import type { RequestRecord } from './requests.ts'

/** What the request changed: the keys, never the values. */
export function changedTexts({ changed, changedKeys, content, flushed }: Explanation, t: Translate): string[] {
  const held = new Set(content.map(({ key }) => key))
  const keys = changedKeys.filter((key) => key !== '*')
  const names = keys.map((key) => (held.has(key) ? key : t('{key} (removed)', { key })))
  return [
    ...(flushed ? [t('The session was ended at once.')] : []),
    ...(changedKeys.includes('*') ? [t('Everything in it before was cleared.')] : []),
    ...(names.length > 0 ? [names.join(', ')] : []),
    ...(changed && changedKeys.length === 0 ? [t('No key, but it was marked as changed.')] : []),
    ...(changed || flushed ? [] : [t('Nothing.')]),
  ]
}

/** What was or will be saved, and why. */
export function savedTexts(
  { explanation: { decision, opening, writing }, events }: RequestRecord,
  t: Translate,
): string[] {
  if (decision === undefined) {
    return opening === undefined ? [] : [t('Nothing: the storage did not answer.')]
  }
  const decided = `${writeText(decision.write, t)}: ${t(decision.why)}.`
  if (writing?.failed !== undefined) return [decided, failure(writing.failed, t)]
  const touched = events.findLast((event) => event.type === 'operation' && event.operation === 'touch')
  const overtaken = decision.write === 'touch' && touched?.type === 'operation' && touched.outcome !== 'done'
  return overtaken ? [decided, t('Another request had recorded it in the meantime.')] : [decided]
}

function writeText(write: Decision['write'], t: Translate): string {
  switch (write) {
    case 'none':
      return t('Nothing')
    case 'create':
      return t('A new session')
    case 'save':
      return t('The changes')
    case 'cycle':
      return t('The session, under a new key')
    case 'touch':
      return t('Only the activity')
  }
}

function failure(error: string, t: Translate): string {
  if (error === 'SessionEndedError') return t('Refused: the session had been ended in the meantime and stays ended.')
  if (error === 'SessionTooLargeError') return t('Refused: the session is too large.')
  return t('Failed ({error}).', { error })
}

/** Conflicts with other requests, and other events of the engine. */
export function eventTexts({ events }: Pick<RequestRecord, 'events'>, t: Translate): string[] {
  const conflicts = events.filter((event) => event.type === 'conflict').length
  return [
    ...(conflicts > 0 ? [t('Conflicts with other requests: {conflicts}.', { conflicts })] : []),
    ...texts(events, t),
  ]
}

function texts(events: RequestRecord['events'], t: Translate): string[] {
  return events.flatMap((event) => {
    if (event.type === 'overwritten') {
      return [t('Overwritten, as both set the same value: {keys}.', { keys: event.keys.join(', ') })]
    }
    if (event.type === 'replayed') {
      return [t('Another request saved first; the changes were applied to its result.')]
    }
    if (event.type === 'overflow') {
      return [t('Dropped, because the cookie was too small: {keys}.', { keys: event.dropped.join(', ') })]
    }
    if (event.type === 'slice') {
      return [t('The stored value of {slice} does not match its schema, so the page got the default.', { ...event })]
    }
    return event.type === 'budget' ? [t('More than 80 % of a size limit is used.')] : []
  })
}
