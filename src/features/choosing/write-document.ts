import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../paths.ts'
import { document } from './document.ts'
import { readMeasured } from './measured.ts'

const file = join('docs', 'choosing-an-engine.md')
writeFileSync(join(projectRoot, file), document(readMeasured()))
console.log(`Wrote ${file}.`)
