import Bowser from 'bowser'
import type { Translate } from '../../web/i18n.ts'

/** A device according to its user agent. */
export interface DeviceKind {
  /** In the visitor's language. */
  readonly name: string
  readonly form: 'computer' | 'phone' | 'tablet' | 'unknown'
}

// Sessions store no more than that, but other programs may have written longer ones.
const MAX_USER_AGENT_LENGTH = 256
// Every user agent begins with Mozilla; one without another name is unknown.
const VALID_NAME = /^(?!Mozilla$)[\p{L}\p{N}][\p{L}\p{N} .+_-]{0,39}$/u
const FORMS: Readonly<Record<string, DeviceKind['form']>> = { desktop: 'computer', mobile: 'phone', tablet: 'tablet' }

/** The name of the browser and its system, if the user agent contains them. */
export function deviceKind(userAgent: string | null, t: Translate): DeviceKind {
  const text = (userAgent ?? '').slice(0, MAX_USER_AGENT_LENGTH).trim()
  if (text === '') return { name: t('Unknown browser'), form: 'unknown' }
  const { browser, os, platform } = Bowser.parse(text)
  const version = /^\d{1,5}/.exec(browser.version ?? '')?.[0]
  const known = validName(browser.name)
  const name = known === undefined ? t('Unknown browser') : version === undefined ? known : `${known} ${version}`
  const system = validName(platform.model) ?? validName(os.name)
  return {
    name: system === undefined ? name : t('{browser} on {system}', { browser: name, system }),
    form: FORMS[platform.type ?? ''] ?? 'unknown',
  }
}

function validName(name: string | undefined): string | undefined {
  return name !== undefined && VALID_NAME.test(name) ? name : undefined
}
