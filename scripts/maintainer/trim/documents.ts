import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withoutMentions } from './blocks.ts'
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
}

/** The settings in .env.example, which has all of them. */
export function settingNames(root: string): string[] {
  const text = readFileSync(join(root, '.env.example'), 'utf8')
  return [...text.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name)
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
  for (const file of ['README.md', ...documents]) {
    const path = join(root, file)
    const text = readFileSync(path, 'utf8')
    const cut = withoutMentions(text, isGone, (words) => namesGone(words, { root, folder: dirname(path), gone }))
    if (cut !== text) writeFileSync(path, cut)
  }
}

/** Takes out of the workflows the steps that are one command that is gone. */
export function cutWorkflows(root: string, scripts: ReadonlySet<string>): void {
  for (const file of filesUnder(root, '.github').map((name) => join(root, name))) {
    const lines = readFileSync(file, 'utf8').split('\n')
    const left = lines.filter((line) => !(line.trim().startsWith('- run:') && runsGone(line, scripts)))
    if (left.length < lines.length) writeFileSync(file, left.join('\n'))
  }
}

function runsGone(words: string, scripts: ReadonlySet<string>): boolean {
  return [...words.matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)].some(([, name = '']) => scripts.has(name))
}

function namesGone(words: string, { root, folder, gone }: { root: string; folder: string; gone: Gone }): boolean {
  const links = [...words.matchAll(/\]\(([\w./-]+)(?:#[\w-]+)?\)/g)].map(([, target = '']) => target)
  const settings = words.match(SETTING) ?? []
  const paths = [...words.matchAll(/[\w.-]+(?:\/[\w.-]+)+\/?/g)].map(([path]) => path)
  return (
    links.some((target) => !existsSync(join(folder, target))) ||
    runsGone(words, gone.scripts) ||
    settings.some((name) => gone.settings.has(name)) ||
    paths.some((path) => wasDeleted(path, gone.files) && !existsSync(join(root, path)))
  )
}

function wasDeleted(path: string, files: ReadonlySet<string>): boolean {
  const folder = path.endsWith('/') ? path : `${path}/`
  return files.has(path) || [...files].some((file) => file.startsWith(folder))
}
