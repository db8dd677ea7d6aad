import { readdirSync } from 'node:fs'

/** All files of a folder and below that fit, with slashes. */
export function filesIn(folder, fits) {
  return readdirSync(folder, { recursive: true })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter(fits)
    .sort()
}

/**
 * A function that returns whether a file fits patterns, where ** is any folders, * any part of a name, {a,b} one of them,
 * and ! excludes. Node has one since 22.
 */
export function globs(patterns) {
  const [included, excluded] = [true, false].map((wanted) =>
    patterns.filter((pattern) => pattern.startsWith('!') !== wanted).map(regExpOf),
  )
  return (file) => included.some((one) => one.test(file)) && !excluded.some((one) => one.test(file))
}

function regExpOf(pattern) {
  const parts = { '**/': '(?:.+/)?', '*': '[^/]*', '**': '.*', '{': '(?:', '}': ')', ',': '|', '.': '\\.' }
  return new RegExp(`^${pattern.replace(/^!/, '').replaceAll(/\*\*\/?|[*{},.]/g, (part) => parts[part])}$`)
}
