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

export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

export const THEMES = ['light', 'dark', 'system'] as const
export type Theme = (typeof THEMES)[number]

/** Pages without a session, and visitors who chose nothing. */
export const DEFAULT_DISPLAY: Display = {
  language: 'en',
  theme: 'system',
  timeZone: 'UTC',
  pageLength: 20,
  notifications: { email: true, push: false, sms: false },
}
