import { once } from 'node:events'
import { request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { createClient } from 'redis'
import cachedDb from '../../src/storage/engines/cached-db.ts'
import { migratedSqlite } from '../support/databases.ts'
import { cloneWithNotes, NOTES } from '../support/notes-steps.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { serviceUrl } from '../support/services.ts'
import { storm } from '../support/storm.ts'
import '../../src/storage/caches/redis.ts'

const url = serviceUrl('redis')
const RUNS = storm ? 10 : 2
const CLIENTS = 6
// No other file may use it.
const REDIS_DATABASE = 13
const ENOUGH = 30

interface Answer {
  readonly status: number
  readonly cookie: string
  readonly body: string
}

/** One request on a separate connection; undefined without a response. */
async function ask(origin: string, method: string, path: string, cookie = '', body = ''): Promise<Answer | undefined> {
  const headers = { accept: 'application/json', 'content-type': 'application/json', cookie, connection: 'close' }
  const sent = request(origin + path, { method, headers: { ...headers, 'content-length': body.length } })
  sent.end(body)
  try {
    const [response] = await once(sent, 'response')
    let text = ''
    for await (const chunk of response) text += String(chunk)
    const [first = ''] = response.headers['set-cookie'] ?? []
    return { status: response.statusCode, cookie: String(first).split(';', 1)[0] ?? '', body: text }
  } catch {
    return undefined
  }
}

async function start(t: ExecutionContext, cwd: string, DATABASE_URL: string) {
  const server = startProcess([TYPESCRIPT, 'src/server.ts'], {
    cwd,
    env: {
      SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough',
      HOST: '127.0.0.1',
      PORT: '0',
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      DATABASE_URL,
      SESSION_ENGINE: cachedDb.name,
      SESSION_CACHE_STRATEGY: 'write_behind',
      CACHE_URL: `${url}/${REDIS_DATABASE}`,
    },
  })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  return { server, origin }
}

const ADD = '{"name":"milk"}'
const countIn = (notes: Answer | undefined) => (JSON.parse(notes?.body ?? '{}') as { milk?: number }).milk ?? 0

if (url !== undefined) {
  test(`${RUNS} stops under load: every request in flight gets a response, and every acknowledged change is saved`, async (t) => {
    t.timeout(240_000)
    const database = await migratedSqlite(t)
    const redis = await createClient({ url: url ?? '', database: REDIS_DATABASE }).connect()
    t.teardown(() => redis.destroy())
    const folder = await cloneWithNotes(t)
    let { server, origin } = await start(t, folder, database)
    for (let run = 0; run < RUNS; run++) {
      const first = await ask(origin, 'POST', NOTES, '', ADD)
      const cookie = first?.cookie ?? ''
      let answered = first?.status === 200 ? 1 : 0
      let unanswered = 0
      const load = Array.from({ length: CLIENTS }, async () => {
        for (;;) {
          const answer = await ask(origin, 'POST', NOTES, cookie, ADD)
          if (answer === undefined) {
            unanswered++
            return
          }
          t.is(answer.status, 200, `run ${run}`)
          answered++
          if (answered === ENOUGH) server.child.kill('SIGTERM')
        }
      })
      await Promise.all(load)
      t.is(await server.ended(), 0, `run ${run}`)
      // Whatever was not written is lost.
      await redis.flushDb()

      // It is stopped in the next run.
      ;({ server, origin } = await start(t, folder, database))
      const count = countIn(await ask(origin, 'GET', NOTES, cookie))
      t.true(count >= answered && count <= answered + unanswered, `run ${run}: ${count} of ${answered} answered`)
    }
    t.is(await server.stop(), 0)
  })
}
