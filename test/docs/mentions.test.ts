import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { variableNames } from '../../src/config.ts'
import { loadFeatures } from '../../src/features/index.ts'
import { projectRoot } from '../../src/paths.ts'

const documents = [
  'README.md',
  ...readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const folders = readdirSync(projectRoot, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
// Codes of errors and of HTTP, variables of other programs, and those that no configuration may set.
const NO_SETTINGS = /^(E[A-Z]+|O_\w+|NODE_\w+|TEST_\w+|BENCH_\w+|SAVEPOINT\w*)$/

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8')
const proseOf = (file: string) => read(file).replaceAll(/^```[\s\S]*?^```$/gm, '')
const codesIn = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)

test('every relative link of a document leads to a file', (t) => {
  for (const file of documents) {
    for (const [, target = ''] of proseOf(file).matchAll(/\]\((?!\w+:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      t.true(existsSync(join(projectRoot, dirname(file), target)), `${file}: ${target}`)
    }
  }
})

test('every command of a document is one of package.json', (t) => {
  const { scripts } = JSON.parse(read('package.json'))
  for (const file of documents) {
    for (const [, name = ''] of read(file).matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)) {
      t.true(name in scripts, `${file}: npm run ${name}`)
    }
  }
})

test('every path of a document is there', (t) => {
  for (const file of documents) {
    for (const code of codesIn(proseOf(file))) {
      const isPath = /^[\w.-]+(\/[\w.-]+)+\/?$/.test(code) && folders.includes(code.split('/')[0] ?? '')
      // What a command makes, and the feature that a guide adds.
      if (!isPath || /^(dist|data|node_modules)\/|\/notebook\//.test(code)) continue
      t.true(existsSync(join(projectRoot, code)), `${file}: ${code}`)
    }
  }
})

test('every setting of a document is one of the project', async (t) => {
  const ofFeatures = (await loadFeatures()).flatMap(({ settings }) => Object.keys(settings.variables))
  const names = new Set([...variableNames, ...ofFeatures])
  for (const file of documents) {
    for (const code of codesIn(proseOf(file))) {
      const [name] = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?=$|=)/.exec(code) ?? []
      if (name === undefined || NO_SETTINGS.test(name)) continue
      t.true(names.has(name), `${file}: ${name}`)
    }
  }
})
