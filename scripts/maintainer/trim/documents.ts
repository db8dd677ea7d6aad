import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withoutLinesOf, withoutMentions } from './blocks.ts'
import { filesUnder } from './graph.ts'
import type { Part } from './parts.ts'

// Written from the parts that are there by "npm run documents".
const GENERATED = 'docs/choosing-an-engine.md'
const SETTING = /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g

/** What documents could name and is not there any more, and the parts that are. */
export interface Gone {
  readonly kept: readonly Part[]
  readonly files: ReadonlySet<string>
  readonly settings: ReadonlySet<string>
  /** Names of `npm run`. */
  readonly scripts: ReadonlySet<string>
  /** Paths of pages. */
  readonly pages: ReadonlySet<string>
}

/** The settings in .env.example, which has all of them. */
export function settingNames(root: string): string[] {
  const text = readFileSync(join(root, '.env.example'), 'utf8')
  return [...text.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name)
}

/** Texts in the code that look like paths of pages: one that no code has any more is gone. */
export function pagePaths(root: string): string[] {
  const files = filesUnder(root, 'src').filter((file) => file.endsWith('.ts'))
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    return [...text.matchAll(/'(\/[a-z][\w/-]*)'/g)].map(([, path = '']) => path)
  })
}

/** Takes out of README and documents what is about, or names, what is gone; deletes those that are about nothing else. */
export function cutDocuments(root: string, gone: Gone): void {
  const isGone = (name: string) => gone.kept.every((part) => part.name !== name)
  const isAboutGone = (file: string) =>
    withoutMentions(readFileSync(join(root, file), 'utf8'), isGone, () => false).trim() === ''
  const all = filesUnder(root, 'docs').filter((file) => file.endsWith('.md') && file !== GENERATED)
  // First, so that no link to them is left.
  for (const file of all.filter(isAboutGone)) rmSync(join(root, file))
  const documents = all.filter((file) => existsSync(join(root, file)))
  const contributing = filesUnder(root, '.github').filter((file) => file.endsWith('.md'))
  for (const file of ['README.md', ...documents, ...contributing]) {
    const folder = dirname(join(root, file))
    rewrite(root, file, (text) => withoutMentions(text, isGone, (words) => namesGone(words, { root, folder, gone })))
  }
  for (const file of filesUnder(root, 'ops')) rewrite(root, file, (text) => withoutLinesOf(text, isGone))
  for (const file of filesUnder(root, '.github/workflows')) {
    rewrite(root, file, (text) => {
      const left = text.split('\n').filter((line) => commandsIn(line).every((name) => !gone.scripts.has(name)))
      return left.join('\n')
    })
  }
}

function rewrite(root: string, file: string, change: (text: string) => string): void {
  const text = readFileSync(join(root, file), 'utf8')
  const changed = change(text)
  if (changed !== text) writeFileSync(join(root, file), changed)
}

function commandsIn(words: string): string[] {
  return [...words.matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)].map(([, name = '']) => name)
}

function namesGone(words: string, { root, folder, gone }: { root: string; folder: string; gone: Gone }): boolean {
  const links = [...words.matchAll(/\]\(([\w./-]+)(?:#[\w-]+)?\)/g)].map(([, target = '']) => target)
  const settings = words.match(SETTING) ?? []
  // Only pages that begin a row: others are mentioned in passing, and what mentions them stays.
  const pages = [...words.matchAll(/^\| `(\/[a-z][\w/-]*)`/gm)].map(([, page = '']) => page)
  const paths = [...words.matchAll(/[\w.-]+(?:\/[\w.-]+)+\/?/g)].map(([path]) => path)
  return (
    links.some((target) => !existsSync(join(folder, target))) ||
    commandsIn(words).some((name) => gone.scripts.has(name)) ||
    settings.some((name) => gone.settings.has(name)) ||
    pages.some((page) => gone.pages.has(page)) ||
    paths.some((path) => wasDeleted(path, gone.files) && !existsSync(join(root, path)))
  )
}

function wasDeleted(path: string, files: ReadonlySet<string>): boolean {
  const folder = path.endsWith('/') ? path : `${path}/`
  return files.has(path) || [...files].some((file) => file.startsWith(folder))
}
