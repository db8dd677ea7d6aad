import type { Context } from 'koa'
import { knownLanguage, LANGUAGES, type Language } from './languages.ts'

/** How pages look for a visitor. */
export interface Display {
  readonly language: Language
  readonly theme: Theme
  readonly timeZone: string
  readonly pageLength: number
  readonly notifications: Readonly<Record<Channel, boolean>>
}

/** Ways to send notifications. */
export type Channel = 'email' | 'push' | 'sms'

export const THEMES = ['light', 'dark', 'system'] as const
export type Theme = (typeof THEMES)[number]

/** For pages without a session, and for visitors without preferences. */
export const DEFAULT_DISPLAY: Display = {
  language: 'en',
  theme: 'system',
  timeZone: 'UTC',
  pageLength: 20,
  notifications: { email: true, push: false, sms: false },
}

// No browser sends more, and parsing takes time for every comma.
const MAX_ACCEPT_LANGUAGE_LENGTH = 1024

/** What the browser asks for; never touches the session. */
export function browserDisplay(ctx: Context): Display {
  ctx.vary('Accept-Language')
  const isShort = ctx.get('Accept-Language').length <= MAX_ACCEPT_LANGUAGE_LENGTH
  const language = isShort ? knownLanguage(ctx.acceptsLanguages(LANGUAGES)) : undefined
  return { ...DEFAULT_DISPLAY, language: language ?? DEFAULT_DISPLAY.language }
}
