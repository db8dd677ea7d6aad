/** The languages of the pages; views and code are written in English. */
export const LANGUAGE_OPTIONS = [
  { value: 'en', label: 'English' },
  { value: 'de', label: 'Deutsch' },
] as const

export type Language = (typeof LANGUAGE_OPTIONS)[number]['value']

export const LANGUAGES = LANGUAGE_OPTIONS.map(({ value }) => value)

/** The language with this code; undefined if there is no such translation. */
export function knownLanguage(code: unknown): Language | undefined {
  return LANGUAGES.find((known) => known === code)
}
