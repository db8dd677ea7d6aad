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
