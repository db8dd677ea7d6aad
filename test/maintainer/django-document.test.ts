import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const LOAD = "import('./src/features/index.ts').then(async (m) => console.log((await m.loadFeatures()).length))"

test("the features load after what docs/django.md removes to use Django's users", async (t) => {
  const document = readFileSync('docs/django.md', 'utf8')
  const [, removal = ''] = /```sh\n( *rm -r [\s\S]*?)```/.exec(document) ?? []
  t.regex(removal, /src\/features\/index\.ts/)
  const folder = await cloneProject(t)
  execFileSync('bash', ['-ec', removal], { cwd: folder })
  const loaded = startProcess([TYPESCRIPT, '--input-type=module', '-e', LOAD], { cwd: folder })
  t.is(await loaded.ended(), 0, loaded.output())
  t.regex(loaded.output(), /^\d+\n$/)
})
