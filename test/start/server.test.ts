import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const SERVER = [TYPESCRIPT, 'src/server.ts']

/** The output of a start that fails: exactly one line, and exit 1. */
async function refusal(env: Record<string, string>): Promise<string[]> {
  const started = startProcess(SERVER, { env })
  return [String(await started.ended()), ...started.output().trim().split('\n')]
}

test('mistakes in the settings are one sentence and exit 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const base = { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', DATABASE_URL: await migratedSqlite(t) }
  t.deepEqual(await refusal({ ...base, NODE_ENV: 'test', PORT: String(port) }), [
    '1',
    `127.0.0.1:${port} is used by another program: stop it, or set another PORT.`,
  ])
  t.deepEqual(await refusal({ ...base, PORT: 'x' }), [
    '1',
    'PORT is wrong: Invalid input: expected number, received NaN.',
  ])
  t.deepEqual(await refusal({ ...base, DATABASE_URL: 'sqlite:/dev/null/app.sqlite3' }), [
    '1',
    'The folder "/dev/null" is not writable: DATABASE_URL puts the database there.',
  ])
  const [code, sentence] = await refusal({ ...base, DATABASE_URL: 'sqlite::memory:' })
  t.is(code, '1')
  t.regex(sentence ?? '', /^The table "\w+" is missing or has other columns: run "npm run migrate"\.$/)
})

test('failed background work is logged, and ends neither the process nor a request', async (t) => {
  const fails = 'process.on("SIGUSR2", () => void Promise.reject(new RangeError("late")))'
  const env = { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test', DATABASE_URL: await migratedSqlite(t) }
  const server = startProcess(['--import', `data:text/javascript,${encodeURIComponent(fails)}`, ...SERVER], { env })
  t.teardown(() => server.stop('SIGKILL'))
  const [, origin = ''] = await server.printed(/(http:\S+)/)
  server.child.kill('SIGUSR2')
  await server.printed(/"msg":"background work failed"/)
  t.is((await fetch(`${origin}/healthz`)).status, 200)
})
