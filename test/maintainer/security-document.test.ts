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

test('every threat names the path of a test, never that of the row above', (t) => {
  const [threats = ''] = readFileSync('docs/security.md', 'utf8').split('\n\n').slice(1)
  const rows = threats.split('\n').slice(2)
  t.true(rows.length > 40)
  for (const row of rows) t.regex(row.split('|').at(-2) ?? '', /`test\//, row)
})
