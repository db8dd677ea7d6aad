import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { migrate, openDatabase } from '../../src/database.ts'
import { startProcess } from '../support/processes.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const BODY = '{"key":"theme","value":"dark"}'
const SERVER = ['--import=tsx', 'src/server.ts']

/** A database of the test's own, ready for a start. */
async function migratedDatabase(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-start-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const url = `sqlite:${join(folder, 'app.sqlite3')}`
  const knex = openDatabase(url)
  await migrate(knex)
  await knex.destroy()
  return url
}

/** What a start prints that cannot succeed: exactly one line, and exit 1. */
async function refusal(env: Record<string, string>): Promise<string[]> {
  const started = startProcess(SERVER, { env })
  return [String(await started.ended()), ...started.output().trim().split('\n')]
}

test('whatever its person can mend is one sentence and exit 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const base = { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', DATABASE_URL: await migratedDatabase(t) }
  t.deepEqual(await refusal({ ...base, PORT: String(port) }), [
    '1',
    `127.0.0.1:${port} is taken by another program: stop that, or set PORT to another one.`,
  ])
  t.deepEqual(await refusal({ ...base, PORT: 'x' }), [
    '1',
    'PORT is wrong: Invalid input: expected number, received NaN.',
  ])
  t.deepEqual(await refusal({ ...base, DATABASE_URL: 'sqlite:/dev/null/app.sqlite3' }), [
    '1',
    'The folder "/dev/null" is not writable: DATABASE_URL puts the database there.',
  ])
  t.deepEqual(await refusal({ ...base, NODE_ENV: 'production', SECRET_KEY: '' }), [
    '1',
    'SECRET_KEY is missing: set it to at least 32 random bytes, for example from `openssl rand -base64 48`.',
  ])
  t.deepEqual(await refusal({ ...base, NODE_ENV: 'production', SECRET_KEY: 'short' }), [
    '1',
    'SECRET_KEY is too short: use at least 32 random bytes.',
  ])
  t.deepEqual(await refusal({ ...base, DATABASE_URL: 'sqlite::memory:' }), [
    '1',
    'The table "sessions" is missing or has other columns: run "npm run migrate".',
  ])
})

test('SIGTERM finishes the request in flight, takes no new ones, and exits 0', async (t) => {
  const DATABASE_URL = await migratedDatabase(t)
  const server = startProcess(SERVER, {
    env: { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', DATABASE_URL, LOG_LEVEL: 'info', NODE_ENV: 'test' },
  })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  // A form whose body is still on its way is a request in flight.
  const sent = request(`${origin}/preferences`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'content-length': BODY.length,
      expect: '100-continue',
    },
  })
  const answered = new Promise<{ status: number | undefined; cookie: string }>((resolve, reject) => {
    sent
      .on('response', (response) =>
        resolve({ status: response.statusCode, cookie: response.headers['set-cookie']?.[0] ?? '' }),
      )
      .on('error', reject)
  })
  await new Promise<void>((resolve) => {
    sent.once('continue', resolve)
    sent.flushHeaders()
  })
  server.child.kill('SIGTERM')
  await server.printed(/finishing the requests in flight/)
  await t.throwsAsync(fetch(`${origin}/healthz`))
  sent.end(BODY)
  const { status, cookie } = await answered
  t.is(status, 200)
  t.is(await server.ended(), 0)
  const again = startProcess(SERVER, {
    env: { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', DATABASE_URL, NODE_ENV: 'test' },
  })
  t.teardown(() => void again.child.kill('SIGKILL'))
  const [, newOrigin = ''] = await again.printed(/on (http:\S+)/)
  const read = await fetch(`${newOrigin}/preferences`, {
    headers: { accept: 'application/json', cookie: cookie.split(';')[0] ?? '' },
  })
  t.like(await read.json(), { theme: 'dark' })
  t.is(await again.stop(), 0)
})
