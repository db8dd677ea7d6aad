import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInstance } from 'i18next'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { LANGUAGES, type Language } from './languages.ts'

/**
 * Translates an English sentence. `{name}` is replaced by the value of that name, and `count` selects the plural form.
 * Without a translation the sentence stays English.
 */
export type Translate = (text: string, values?: Values) => string

type Values = Readonly<Record<string, string | number>>

const messages = z.record(z.string(), z.string())

// There are some hundred sentences without values; error messages may differ each time.
const MAX_CACHED = 2000

/**
 * Reads the translations from `locales/<language>.json` in each of these folders.
 *
 * @throws Error for a file that is not an object of strings
 */
export function openTranslations(folders: readonly string[]): (language: Language) => Translate {
  const i18n = createInstance()
  const resources = LANGUAGES.map((language) => [language, { translation: readMessages(folders, language) }])
  void i18n.init({
    resources: Object.fromEntries(resources),
    fallbackLng: 'en',
    initAsync: false,
    // Keys are sentences, with dots and colons in them; views escape what they show.
    keySeparator: false,
    nsSeparator: false,
    interpolation: { prefix: '{', suffix: '}', escapeValue: false },
  })
  const translators = LANGUAGES.map((language): [Language, Translate] => {
    const translate = i18n.getFixedT(language)
    const cached = new LRUCache<string, string>({ max: MAX_CACHED })
    const plain = (text: string) => {
      const translated = cached.get(text) ?? translate(text, { nest: false })
      cached.set(text, translated)
      return translated
    }
    // In `replace`, so that a value cannot be taken for an option of i18next.
    const filled = (text: string, { count, ...replace }: Values) =>
      translate(text, { replace: { count, ...replace }, nest: false, ...(typeof count === 'number' ? { count } : {}) })
    return [language, (text, values) => (values === undefined ? plain(text) : filled(text, values))]
  })
  const byLanguage = new Map(translators)
  return (language) => byLanguage.get(language) ?? ((text) => text)
}

function readMessages(folders: readonly string[], language: Language): Record<string, string> {
  const files = folders.map((folder) => join(folder, 'locales', `${language}.json`)).filter((file) => existsSync(file))
  return Object.assign({}, ...files.map((file) => messages.parse(JSON.parse(readFileSync(file, 'utf8')))))
}
