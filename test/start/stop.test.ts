import { request } from 'node:http'
import test from 'ava'
import { migratedSqlite } from '../support/databases.ts'
import { cloneWithNotes, NOTES } from '../support/notes-steps.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const BODY = '{"name":"milk"}'
const SERVER = [TYPESCRIPT, 'src/server.ts']

test('SIGTERM finishes the request in flight, takes no new ones, and exits 0', async (t) => {
  const DATABASE_URL = await migratedSqlite(t)
  const cwd = await cloneWithNotes(t)
  const server = startProcess(SERVER, {
    cwd,
    env: { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', DATABASE_URL, LOG_LEVEL: 'info', NODE_ENV: 'test' },
  })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  // A form whose body is still on its way is a request in flight.
  const sent = request(`${origin}${NOTES}`, {
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
    cwd,
    env: { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', DATABASE_URL, NODE_ENV: 'test' },
  })
  t.teardown(() => void again.child.kill('SIGKILL'))
  const [, newOrigin = ''] = await again.printed(/on (http:\S+)/)
  const read = await fetch(`${newOrigin}${NOTES}`, {
    headers: { accept: 'application/json', cookie: cookie.split(';')[0] ?? '' },
  })
  t.deepEqual(await read.json(), { milk: 1 })
  t.is(await again.stop(), 0)
})
