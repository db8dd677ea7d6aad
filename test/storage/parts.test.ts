import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { parts } from '../../src/storage/index.ts'

const REGISTRY = join('src', 'storage', 'index.ts')
const MANIFEST = /^src[\\/]storage[\\/](?:(?:engines|caches|formats)[\\/][\w-]+|migrating)\.ts$/
// Code that only one part uses.
const CODE = [
  'engines/cookie/',
  'engines/hybrid/',
  'engines/migrating/',
  'stores/cached/',
  'stores/file/',
  'caches/redis/',
  'caches/memcached/',
  'codec/django/',
  'codec/sealed/',
].map((folder) => join('src', 'session', folder))

function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path = '']) =>
    join(dirname(file), path),
  )
}

function programs(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

test('only the registry imports a manifest, so that removing its line is enough', (t) => {
  for (const file of [...programs('src'), ...programs('scripts')]) {
    if (file === REGISTRY) continue
    t.deepEqual(
      importsOf(file).filter((path) => MANIFEST.test(path) && existsSync(path)),
      [],
      file,
    )
  }
  t.is(importsOf(REGISTRY).filter((path) => MANIFEST.test(path)).length, parts.length)
})

test('the code of parts is only imported by src/storage', (t) => {
  for (const file of programs('src')) {
    if (file.startsWith(join('src', 'session')) || file.startsWith(join('src', 'storage'))) continue
    const found = importsOf(file).filter((path) => CODE.some((folder) => path.startsWith(folder)))
    t.deepEqual(found, [], file)
  }
})

test('names are unique, and the default engine needs no other part', (t) => {
  t.is(new Set(parts.map(({ kind, name }) => `${kind} ${name}`)).size, parts.length)
  const [first] = parts.filter((part) => part.kind === 'engine')
  t.deepEqual(first?.requires, [])
})
