import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInstance } from 'i18next'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { LANGUAGES, type Language } from './languages.ts'

/**
 * Translates an English sentence; `{name}` in it is replaced by the value of that name, and a `count` chooses the plural.
 * A sentence without a translation stays English.
 */
export type Translate = (text: string, values?: Values) => string

type Values = Readonly<Record<string, string | number>>

const messages = z.record(z.string(), z.string())

// Sentences without values, of which there are some hundred; an error's message may be another one each time.
const MAX_REMEMBERED = 2000

/**
 * Reads the messages of each language from `locales/<language>.json` in each of these folders.
 *
 * @throws Error for a file that is not an object of texts
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
    const remembered = new LRUCache<string, string>({ max: MAX_REMEMBERED })
    const plain = (text: string) => {
      const translated = remembered.get(text) ?? translate(text, { nest: false })
      remembered.set(text, translated)
      return translated
    }
    // A value named like one of i18next's options must not become one.
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
