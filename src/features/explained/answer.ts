import type { EngineFacts } from '../../storage/part.ts'
import type { Translate } from '../../web/i18n.ts'
import type { Format } from './formats.ts'
import type { RequestRecord } from './requests.ts'

/** Whether the response has, or will have, a cookie, and what each of its attributes means. */
export function cookieTexts(
  { explanation, sent }: RequestRecord,
  { inCookies }: EngineFacts,
  t: Translate,
  format: Format,
): string[] {
  const { decision, opening, live, settled } = explanation
  if (decision === undefined || decision.cookie === 'none') {
    if (opening === undefined) return [t('Not sent: the page did not ask for a session.')]
    if (live !== undefined || opening.failed !== undefined) return [t('Not sent: the browser keeps the one it has.')]
    if (opening.cookies === 0) return [t('Not sent: there is no session.')]
    return [t('Neither sent nor deleted: a late response must not delete the cookie of a newer sign-in.')]
  }
  if (settled && sent === undefined) return [t('Not sent: nothing was written.')]
  const attributes = (sent?.attributes ?? []).map((attribute) => attributeText(attribute, t, format))
  if (decision.cookie === 'clear') return [t('Deleted: the session was ended.'), ...attributes]
  return [
    setText(explanation, inCookies, t),
    ...attributes,
    ...(sent === undefined ? [] : missingTexts(sent.attributes, t)),
  ]
}

function setText(
  { decision, live }: RequestRecord['explanation'],
  inCookies: EngineFacts['inCookies'],
  t: Translate,
): string {
  if (decision?.write === 'create') return t('Sent: the session is new.')
  if (decision?.write === 'cycle') return t('Sent: the session has a new key.')
  return live?.inCookie || inCookies === 'all'
    ? t('Sent: it contains the session.')
    : t('Sent again, so that the browser keeps it as long as the session lives.')
}

function attributeText(attribute: string, t: Translate, format: Format): string {
  const [name = '', value = ''] = attribute.split('=')
  const meaning = meaningOf(name, value, t, format)
  return meaning === undefined ? attribute : `${attribute}: ${meaning}.`
}

function meaningOf(name: string, value: string, t: Translate, format: Format): string | undefined {
  switch (name) {
    case 'Max-Age':
      return Number(value) === 0
        ? t('the browser forgets it')
        : t('the browser forgets it {when}', { when: format.distance(Date.now() + Number(value) * 1000) })
    case 'Expires':
      return t('the same for old browsers')
    case 'Path':
      return t('it is sent to every page under this path')
    case 'Domain':
      return t('it is sent to this domain and its subdomains')
    case 'SameSite':
      if (value === 'None') return t('it is sent with requests from other sites')
      return value === 'Lax'
        ? t('from other sites, it is sent with links only')
        : t('it is never sent with requests from other sites')
    case 'Secure':
      return t('it is sent over HTTPS only')
    case 'HttpOnly':
      return t('scripts on the page cannot read it')
    default:
      return undefined
  }
}

function missingTexts(attributes: readonly string[], t: Translate): string[] {
  const has = (name: string) => attributes.some((one) => one === name || one.startsWith(`${name}=`))
  return [
    ...(has('Max-Age') ? [] : [t('No Max-Age: it ends with the browser.')]),
    ...(has('Secure') ? [] : [t('No Secure: it is sent over plain HTTP too, which is for development only.')]),
    ...(has('HttpOnly') ? [] : [t('No HttpOnly: scripts on the page can read it.')]),
  ]
}

/** The headers that tell caches who may get this response. */
export function headerTexts({ explanation, vary, cacheControl }: RequestRecord, t: Translate): string[] {
  const { decision, opening, settled } = explanation
  const varies = settled ? /\bcookie\b/i.test(vary) : opening !== undefined
  const cache = settled || cacheControl !== '' ? cacheControl : decision?.personal ? 'private, no-store' : ''
  return [
    varies
      ? t('Vary: Cookie, because the response depends on the session.')
      : t('No Vary: Cookie: the page did not ask for the session, so the response is the same for everybody.'),
    cacheText(cache, decision?.personal ?? false, t),
  ]
}

function cacheText(value: string, personal: boolean, t: Translate): string {
  if (value === '') return t('No Cache-Control: the response is not personal.')
  return personal
    ? t('Cache-Control: {value}, because it is for this visitor only.', { value })
    : t('Cache-Control: {value}, as set by the page.', { value })
}
