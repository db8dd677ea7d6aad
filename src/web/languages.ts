/** What pages can speak, one line each; English is what is written in views and code. */
export const LANGUAGE_OPTIONS = [
  { value: 'en', label: 'English' },
  { value: 'de', label: 'Deutsch' },
] as const

export type Language = (typeof LANGUAGE_OPTIONS)[number]['value']

export const LANGUAGES = LANGUAGE_OPTIONS.map(({ value }) => value)

/** The language of this code, if pages can speak it. */
export function knownLanguage(code: unknown): Language | undefined {
  return LANGUAGES.find((known) => known === code)
}
