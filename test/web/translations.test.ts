import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { loadFeatures } from '../../src/features/index.ts'
import { featureFolder, projectRoot } from '../../src/paths.ts'
import { LANGUAGES } from '../../src/web/languages.ts'

type Messages = Readonly<Record<string, string>>

/** One that has messages: a feature, or all that is shared. */
interface Owner {
  readonly name: string
  readonly folder: string
  readonly code: string
  readonly views: string
}

const text = (files: readonly string[]) => files.map((file) => readFileSync(file, 'utf8')).join('\n')

function filesIn(folder: string, ending: string, recursive = true): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder, { recursive, encoding: 'utf8' }).filter((name) => name.endsWith(ending))
  return names.map((name) => join(folder, name))
}

function messagesOf(folder: string, language: string): Messages | undefined {
  const file = join(folder, 'locales', `${language}.json`)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

const views = join(projectRoot, 'views')
const shared: Owner = {
  name: 'web',
  folder: join(projectRoot, 'src/web'),
  // The messages of the engine's errors are on error pages.
  code: text([
    ...filesIn(join(projectRoot, 'src/web'), '.ts').filter((file) => !file.endsWith('languages.ts')),
    join(projectRoot, 'src/session/core/errors.ts'),
  ]),
  views: text(filesIn(views, '.njk', false)),
}
const features = (await loadFeatures()).map(({ name }): Owner => {
  const folder = featureFolder(name)
  return {
    name,
    folder,
    // What a seed writes into the database is data, and `doctor` speaks to the operator.
    code: text(filesIn(folder, '.ts').filter((file) => !/[/\\](?:seed|check-[\w-]+)\.ts$/.test(file))),
    views: text(filesIn(join(views, name), '.njk')),
  }
})
const owners = [shared, ...features]
// What the session engine gives as reasons is shown as well, by a feature that has their translations.
const engine = text(filesIn(join(projectRoot, 'src/session'), '.ts'))

function literalsIn(code: string): string[] {
  const found = code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)
  return [...found].map(([, one, other]) => (one ?? other ?? '').replaceAll(/\\(.)/g, '$1'))
}

/** Those of the tags of a view: outside of them, quotation marks are HTML's. */
function literalsOfViews(templates: string): string[] {
  const tags = [...templates.matchAll(/\{\{.*?\}\}|\{%.*?%\}/gs)].map(([tag]) => tag)
  return tags.flatMap((tag) => [...tag.matchAll(/'([^']*)'/g)].map(([, literal = '']) => literal))
}

/** The sentences for people in code and views: what is given to `t`, named as a label, or written as a sentence. */
function sentencesIn({ code, views: templates }: Owner): Set<string> {
  // Help texts of metrics and settings are not for visitors.
  const shown = code
    .replaceAll(/^\s*\/?\*.*$|^\s*\/\/.*$/gm, '')
    .replaceAll(/\bhelp: *'(?:[^'\\]|\\.)*'/g, '')
    .replaceAll(/#(?:counter|histogram)\([^)]*\)/g, '')
  const said = literalsIn(shown).filter((literal) => /^[\p{Lu}{].* .*[.?!]$/u.test(literal))
  const named = [...shown.matchAll(/\b(?:label|title): '([^']+)'/g)].map(([, label = '']) => label)
  const asked = [code, templates].flatMap((source) =>
    [...source.matchAll(/\bt\(\s*'([^']+)'/g)].map(([, sentence = '']) => sentence),
  )
  return new Set([...said, ...named, ...asked])
}

const plain = (key: string) => key.replace(/_(zero|one|two|few|many|other)$/, '')

for (const language of LANGUAGES) {
  const common = messagesOf(shared.folder, language) ?? {}
  for (const owner of owners) {
    const messages = messagesOf(owner.folder, language)
    if (messages === undefined) continue
    const known = new Set(Object.keys({ ...common, ...messages }).map(plain))

    if (language !== 'en') {
      test(`${owner.name}: every sentence for people is translated to ${language}`, (t) => {
        t.deepEqual(
          [...sentencesIn(owner)].filter((sentence) => !known.has(sentence)),
          [],
        )
      })
    }

    test(`${owner.name}: no message in ${language} is unused, and none is written twice`, (t) => {
      const used = new Set([...literalsIn(owner.code + engine), ...literalsOfViews(owner.views)])
      const keys = Object.keys(messages)
      t.deepEqual(
        keys.filter((key) => !used.has(plain(key))),
        [],
      )
      if (owner !== shared) {
        t.deepEqual(
          keys.filter((key) => key in common),
          [],
        )
      }
    })

    test(`${owner.name}: ${language} keeps the values of every sentence`, (t) => {
      const values = (sentence: string) => [...sentence.matchAll(/\{\w+\}/g)].map(([value]) => value).sort()
      for (const [key, message] of Object.entries(messages)) {
        // "One hour" needs no number.
        if (/_(zero|one|two)$/.test(key)) continue
        t.deepEqual(values(message), values(plain(key)), key)
      }
    })
  }

  test(`a sentence that several features have means the same in ${language}`, (t) => {
    const all = features.flatMap(({ folder }) => Object.entries(messagesOf(folder, language) ?? {}))
    const differing = all.filter(([key, message]) => all.some(([other, its]) => other === key && its !== message))
    t.deepEqual(differing, [])
  })
}
