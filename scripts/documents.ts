import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../src/paths.ts'
import { choosingAnEngine } from './documents/choosing.ts'
import { envExample } from './documents/env-example.ts'
import { readMeasured } from './documents/measured.ts'

// What is written from the settings, from what is said beside each engine, and from what was measured.
const documents = {
  '.env.example': await envExample(),
  'docs/choosing-an-engine.md': await choosingAnEngine(readMeasured()),
}

for (const [file, text] of Object.entries(documents)) {
  writeFileSync(join(projectRoot, file), text)
  console.log(`Wrote ${file}.`)
}
