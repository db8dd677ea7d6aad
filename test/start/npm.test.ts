import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

// Windows has no SIGTERM.
const onPosix = process.platform === 'win32' ? test.skip : test

onPosix('SIGTERM to npm start stops the server in order, and leaves none behind', async (t) => {
  const folder = await cloneProject(t)
  const built = startProcess(['scripts/build.mjs'], { cwd: folder })
  t.is(await built.ended(), 0, built.output())
  const env = { SECRET_KEY, DATABASE_URL: await migratedSqlite(t), HOST: '127.0.0.1', PORT: '0' }
  const npm = spawn('npm', ['start'], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A process group, so that a remaining server can be killed with the rest.
    detached: true,
  })
  t.teardown(() => {
    try {
      if (npm.pid !== undefined) process.kill(-npm.pid, 'SIGKILL')
    } catch {
      // All of it has ended.
    }
  })
  let output = ''
  let signalled = false
  npm.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (signalled || !output.includes(' is on http')) return
    signalled = true
    npm.kill('SIGTERM')
  })
  // Its output is closed when the server, too, has ended.
  await once(npm, 'close')
  t.regex(output, /finishing the requests in flight/)
})
