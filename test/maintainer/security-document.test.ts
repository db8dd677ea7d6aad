import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'

test('docs/security.md names files and folders that are there', (t) => {
  const named = [...readFileSync('docs/security.md', 'utf8').matchAll(/`((?:test|docs)\/[\w./*-]+)`/g)]
  t.true(named.length > 40)
  const there = ['test', 'docs'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  )
  for (const path of new Set(named.map(([, path = '']) => path.replace(/\/$/, '')))) {
    const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`)
    t.true(
      there.some((file) => pattern.test(file)),
      path,
    )
  }
})

// Those about cookies, origins, passwords, sessions, cryptography, configuration and logs that concern sessions.
const WANTED =
  '3.3.1 to 3.3.5, 3.4.1 to 3.4.6, 3.4.8, 3.5.1 to 3.5.3, 3.5.8, 6.2.1 to 6.2.9, 6.2.11, 6.2.12, 6.3.1, 6.3.8, ' +
  '7.1.1, 7.1.2, 7.2.1 to 7.2.4, 7.3.1, 7.3.2, 7.4.1 to 7.4.5, 7.5.1, 7.5.2, 7.6.2, 11.2.2, 11.2.4, 11.2.5, ' +
  '11.3.2 to 11.3.4, 11.4.1, 11.5.1, 13.1.2, 13.1.3, 13.2.6, 13.3.1, 13.3.4, 13.4.2, 13.4.4, 13.4.6, ' +
  '16.2.1, 16.2.5, 16.3.1 to 16.3.4, 16.4.1, 16.5.1 to 16.5.4'

/** `3.4.3 to 3.4.6, 3.4.8` as single numbers. */
function numbersIn(text: string): string[] {
  return [...text.matchAll(/(\d+\.\d+)\.(\d+)(?: to \1\.(\d+))?/g)].flatMap(([, section, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, n) => `${section}.${Number(first) + n}`),
  )
}

/** The rows of ASVS: numbers, files of tests, and whether there is an exception. */
function rowsOfAsvs() {
  const rows = readFileSync('docs/security.md', 'utf8').split('\n')
  return rows
    .filter((line) => /^\| \d+\.\d/.test(line))
    .map((line) => {
      const [, requirement = '', , where = ''] = line.split(/ ?\| /)
      const files = [...where.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(([, file = '']) => file)
      return { numbers: numbersIn(requirement), files, exception: where.includes('exception: ') }
    })
}

/** The numbers in the titles of the tests of a file. */
function titledIn(file: string): string[] {
  const titles = readFileSync(file, 'utf8').matchAll(/\(ASVS ([\d., to]+)[^)]*\)/g)
  return [...titles].flatMap(([, numbers = '']) => numbersIn(numbers))
}

test('each requirement of ASVS is in one row, and in the title of a test in each way that the row says', (t) => {
  const rows = rowsOfAsvs()
  const all = rows.flatMap(({ numbers }) => numbers)
  t.is(new Set(all).size, all.length, 'no number is in two rows')
  for (const number of numbersIn(WANTED)) t.true(all.includes(number), `${number} has a row`)
  for (const { numbers, files, exception } of rows) {
    t.true(files.length > 0 || exception, `${numbers} has a test or an exception`)
    const titled = new Map(files.map((file) => [file, titledIn(file)]))
    for (const number of files.length > 0 ? numbers : []) {
      t.true([...titled.values()].flat().includes(number), `${number} is in a title in ${files}`)
    }
    for (const [file, own] of titled)
      t.true(
        own.some((number) => numbers.includes(number)),
        `${numbers} in ${file}`,
      )
  }
})

test('every test whose title has a number of ASVS is in the row of that number', (t) => {
  const rows = rowsOfAsvs()
  for (const path of readdirSync('test', { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const file = `test/${path}`
    for (const number of titledIn(file)) {
      t.true(
        rows.some(({ numbers, files }) => numbers.includes(number) && files.includes(file)),
        `${number} in ${file}`,
      )
    }
  }
})

test('every threat names the path of a test, never that of the row above', (t) => {
  const [threats = ''] = readFileSync('docs/security.md', 'utf8').split('\n\n').slice(1)
  const rows = threats.split('\n').slice(2)
  t.true(rows.length > 40)
  for (const row of rows) t.regex(row.split('|').at(-2) ?? '', /`test\//, row)
})
