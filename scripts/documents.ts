import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../src/paths.ts'
import { readChoices } from '../src/storage/choices.ts'
import { engines } from '../src/storage/index.ts'
import { choosingAnEngine } from './documents/choosing.ts'
import { envExample } from './documents/env-example.ts'
import { withFigures } from './documents/growth.ts'
import { readGrowth } from './documents/growth-report.ts'
import { readMeasured } from './documents/measured.ts'
import { speedPlot } from './documents/plot.ts'

// Generated from the settings, the texts beside each engine, and the measured figures.
const documents = {
  '.env.example': await envExample(),
  'docs/choosing-an-engine.md': await choosingAnEngine(readMeasured()),
  'docs/scaling.md': withFigures(
    readFileSync(join(projectRoot, 'docs', 'scaling.md'), 'utf8'),
    readGrowth(),
    engines.map(({ name }) => name),
  ),
  'docs/speed.svg': speedPlot(readMeasured(), await readChoices()),
}

for (const [file, text] of Object.entries(documents)) {
  writeFileSync(join(projectRoot, file), text)
  console.log(`Wrote ${file}.`)
}
