import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { codeFolder, projectRoot } from '../../src/paths.ts'

const read = (folder: string, ending: RegExp): [name: string, text: string][] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')])

// Written by the project itself, and escaped where it is made into HTML.
const WITHOUT_ESCAPING = ['choosing/choosing.njk: document.html | safe', 'documents/document.njk: document.html | safe']

test('views escape every value, quote every attribute, and have no script with values (CVE-2023-2142)', (t) => {
  for (const [name, text] of read(join(projectRoot, 'views'), /\.njk$/)) {
    const unescaped = [...text.matchAll(/[\w.]+\s*\|\s*safe\b/g)].map(([found]) => `${name}: ${found}`)
    t.deepEqual(
      unescaped.filter((one) => !WITHOUT_ESCAPING.includes(one)),
      [],
    )
    t.notRegex(text, /autoescape|\|\s*dump\b/, name)
    t.notRegex(text, /<[^>{]*\s[\w-]+=\{\{/, `${name} has an attribute without quotation marks`)
    for (const [script] of text.matchAll(/<script\b[\s\S]*?<\/script>/g))
      t.regex(script, /^<script [^>]*src="[^>]*><\/script>$/)
  }
  for (const [name, text] of read(codeFolder, /\.ts$/)) t.notRegex(text, /renderString\(/, name)
})
