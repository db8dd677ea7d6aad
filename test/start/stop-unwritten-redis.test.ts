import test from 'ava'
import { openDatabase } from '../../src/database.ts'
import cachedDb from '../../src/storage/engines/cached-db.ts'
import { migratedSqlite } from '../support/databases.ts'
import { cloneWithNotes, NOTES } from '../support/notes-steps.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { serviceUrl } from '../support/services.ts'
import '../../src/storage/caches/redis.ts'

const url = serviceUrl('redis')

if (url !== undefined) {
  test('writes that fail at the end are logged, and the exit code is 1', async (t) => {
    const DATABASE_URL = await migratedSqlite(t)
    const server = startProcess([TYPESCRIPT, 'src/server.ts'], {
      cwd: await cloneWithNotes(t),
      env: {
        SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough',
        HOST: '127.0.0.1',
        PORT: '0',
        NODE_ENV: 'test',
        DATABASE_URL,
        SESSION_ENGINE: cachedDb.name,
        SESSION_CACHE_STRATEGY: 'write_behind',
        CACHE_URL: url,
        CACHE_KEY_PREFIX: `unwritten-${process.pid}`,
      },
    })
    t.teardown(() => void server.child.kill('SIGKILL'))
    const [, origin = ''] = await server.printed(/on (http:\S+)/)
    const change = async (name: string, cookie: string) => {
      const headers = { accept: 'application/json', 'content-type': 'application/json', cookie }
      const body = JSON.stringify({ name })
      const answer = await fetch(`${origin}${NOTES}`, { method: 'POST', headers, body })
      t.is(answer.status, 200)
      return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
    }
    const cookie = await change('milk', '')
    const knex = openDatabase(DATABASE_URL)
    await knex.schema.renameTable('sessions', 'elsewhere')
    await knex.destroy()
    await change('tea', cookie)
    server.child.kill('SIGTERM')
    t.is(await server.ended(), 1)
    t.regex(server.output(), /The changes of 1 sessions could not be written to the database/)
    t.notRegex(server.output(), /unhandled/i)
  })
}
