import type { Language } from './display.ts'

/** Translates an English text; `{name}` in it is replaced by the value of that name. */
export type Translate = (text: string, values?: Readonly<Record<string, string | number>>) => string

/** A translator for one language. Texts that have no translation stay English. */
export function translator(language: Language, german: ReadonlyMap<string, string>): Translate {
  return (text, values = {}) => {
    const template = (language === 'de' ? german.get(text) : undefined) ?? text
    return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
  }
}

/** German of the layout and the error pages; each feature brings its own. */
export const LAYOUT_GERMAN: Readonly<Record<string, string>> = {
  'Skip to the content': 'Zum Inhalt springen',
  Menu: 'Menü',
  Account: 'Konto',
  'Sign out': 'Abmelden',
  'Signed in as {name}': 'Angemeldet als {name}',
  Home: 'Start',
  'Page {page} of {pages}': 'Seite {page} von {pages}',
  Previous: 'Zurück',
  Next: 'Weiter',
  'Back to the start': 'Zurück zum Start',
  'Please check the marked fields.': 'Bitte prüfen Sie die markierten Felder.',
  Done: 'Erledigt',
  'Please note': 'Hinweis',
}
