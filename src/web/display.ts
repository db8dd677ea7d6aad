import type { Context } from 'koa'
import { knownLanguage, LANGUAGES, type Language } from './languages.ts'

/** How a visitor wants pages to look. */
export interface Display {
  readonly language: Language
  readonly theme: Theme
  readonly timeZone: string
  readonly pageLength: number
  readonly notifications: Readonly<Record<Channel, boolean>>
}

/** Ways to tell a person something. */
export type Channel = 'email' | 'push' | 'sms'

export const THEMES = ['light', 'dark', 'system'] as const
export type Theme = (typeof THEMES)[number]

/** For pages without a session, and for visitors who chose nothing. */
export const DEFAULT_DISPLAY: Display = {
  language: 'en',
  theme: 'system',
  timeZone: 'UTC',
  pageLength: 20,
  notifications: { email: true, push: false, sms: false },
}

// No browser says so much; reading it takes time for every comma.
const MAX_ACCEPT_LANGUAGE = 1024

/** What the browser itself asks for; never touches the session. */
export function browserDisplay(ctx: Context): Display {
  ctx.vary('Accept-Language')
  const isShort = ctx.get('Accept-Language').length <= MAX_ACCEPT_LANGUAGE
  const language = isShort ? knownLanguage(ctx.acceptsLanguages(LANGUAGES)) : undefined
  return { ...DEFAULT_DISPLAY, language: language ?? DEFAULT_DISPLAY.language }
}
