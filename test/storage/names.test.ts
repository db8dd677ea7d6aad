import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parts } from '../../src/storage/index.ts'

const OWN = [join('src', 'session'), join('src', 'storage')]
// Kinds of events and of applications in the benchmark, and ids on a page, which have some of these names as well.
const NOT_A_PART = /(?:\btype|\bid|\bapplication)$/

/** Where a program compares something with the name of an engine, a cache, a format or its database. */
function comparisonsIn(program: string): string[] {
  const names = parts.filter(({ kind }) => kind !== 'migration').map(({ name }) => name)
  const name = `['"\`](?:${names.join('|')})['"\`]`
  const patterns = [
    new RegExp(`([\\w.?\\])]+)\\s*[!=]==?\\s*${name}`, 'g'),
    new RegExp(`${name}\\s*[!=]==?\\s*([\\w.?\\[(]+)`, 'g'),
    new RegExp(`case ${name}`, 'g'),
    new RegExp(`\\[[^\\]]*${name}[^\\]]*\\]\\.(?:includes|indexOf|some)`, 'g'),
    /startsWith\(['"`](?:redis|memcached|memory)/g,
  ]
  return patterns
    .flatMap((pattern) => [...program.matchAll(pattern)])
    .filter(([, compared = '']) => !NOT_A_PART.test(compared))
    .map(([text]) => text)
}

test('code outside src/storage never compares names of engines, caches and formats', (t) => {
  const files = ['src', 'scripts']
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => /\.(ts|mjs)$/.test(file) && !OWN.some((own) => file.startsWith(own)))
  t.true(files.length > 50)
  for (const file of files) t.deepEqual(comparisonsIn(readFileSync(file, 'utf8')), [], file)
})

test('comparisons are detected in each form', (t) => {
  const [{ name } = { name: '' }] = parts
  const forms = [
    `if (engine === '${name}') {`,
    `home?.engine !== '${name}'`,
    `'${name}' === format`,
    `case '${name}':`,
    `['${name}', 'another'].includes(engine)`,
    "url.startsWith('redis')",
    `cache?.name === '${name}'`,
  ]
  for (const form of forms) t.is(comparisonsIn(form).length, 1, form)
  t.deepEqual(comparisonsIn(`event.type === '${name}' || id !== '${name}'`), [])
})
