import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import test from 'ava'
import { projectRoot } from '../src/paths.ts'
import { TYPESCRIPT } from './support/processes.ts'

const LINES = 20_000
const PROGRAM = `
  import { openLog, droppedLogLines } from './src/log.ts'
  const log = openLog({ mode: 'production', logLevel: 'info' })
  for (let n = 0; n < ${LINES}; n++) {
    log.info({ n }, 'x'.repeat(100))
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  process.send(droppedLogLines())
`

/** Starts a program that writes about 4 MB of lines; resolves with the number of those that it could not write. */
async function dropsOn(output: number | 'pipe', stop: (child: ReturnType<typeof spawn>) => void): Promise<unknown> {
  const args = [TYPESCRIPT, '--input-type=module', '--eval', PROGRAM]
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: ['ignore', output, 'inherit', 'ipc'] })
  const ended = once(child, 'exit')
  const [dropped] = await Promise.race([once(child, 'message'), ended.then(() => ['it ended without an answer'])])
  stop(child)
  await ended
  return dropped
}

test('the application goes on while nothing reads its log, and counts the lines that it drops', async (t) => {
  const dropped = Number(await dropsOn('pipe', (child) => child.kill('SIGKILL')))
  t.true(dropped > 0 && dropped < LINES, String(dropped))
})

const full = existsSync('/dev/full') ? test : test.skip
full('a full disk neither ends nor stops the application, and the lines are counted', async (t) => {
  const file = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(file))
  const dropped = Number(await dropsOn(file, (child) => child.disconnect()))
  t.true(dropped > 0 && dropped < LINES, String(dropped))
})
