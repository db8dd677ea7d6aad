import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { startProcess } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

test('dev is development whatever NODE_ENV is; on a used port it prints one sentence and exits with 1', async (t) => {
  const folder = await cloneProject(t)
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const dev = startProcess(['scripts/dev.mjs'], {
    cwd: folder,
    env: { NODE_ENV: 'production', PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'silent' },
  })
  t.is(await dev.ended(), 1)
  t.regex(dev.output(), /^NODE_ENV=production is ignored: "npm run dev" is always development\.\n/)
  t.regex(dev.output(), /is used by another program: stop it, or set another PORT\.\n$/)
  t.notRegex(dev.output(), /\n\s+at /)
})

test('start before a build prints the command to run', async (t) => {
  const folder = await cloneProject(t)
  const env = { SECRET_KEY, PORT: '0' }
  const early = startProcess(['scripts/start.mjs'], { cwd: folder, env })
  t.is(await early.ended(), 1)
  t.is(early.output(), 'There is no build: run "npm run build" first.\n')
})
