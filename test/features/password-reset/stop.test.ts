import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { seed } from '../../../src/seed.ts'
import { TEST_SECRET, TestBrowser } from '../../support/app.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { deferred } from '../../support/handlers.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { smtpServer } from './smtp-server.ts'

/** A server that is told to stop while the mail server, to which it has connected, has not said anything yet. */
async function stopping(t: ExecutionContext, greeting: Promise<void>) {
  const DATABASE_URL = await migratedSqlite(t)
  const knex = openDatabase(DATABASE_URL)
  await seed(knex, { demoUsers: true })
  await knex.destroy()
  const mail = await smtpServer(t, greeting)
  const env = { DATABASE_URL, SECRET_KEY: TEST_SECRET, NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0' }
  const server = startProcess([TYPESCRIPT, 'src/server.ts'], { env: { ...env, SMTP_URL: mail.url, LOG_LEVEL: 'info' } })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  t.is((await new TestBrowser(origin).json('POST', '/password-reset', { account: 'ada' })).status, 200)
  await mail.connected
  server.child.kill('SIGTERM')
  await server.printed(/their mails are being sent/)
  return { server, mail }
}

test('a mail that is being sent when the server stops is sent all the same', async (t) => {
  const { promise, resolve } = deferred()
  const { server, mail } = await stopping(t, promise)
  resolve()
  t.regex(await Promise.race([mail.received, server.ended().then(() => 'it ended')]), /^To: ada@example\.com/m)
  t.is(await server.ended(), 0)
  t.notRegex(server.output(), /were not sent/)
})

test('a mail server that does not answer does not hold up the stop; what was not sent is counted', async (t) => {
  const { server } = await stopping(t, new Promise(() => {}))
  t.is(await server.ended(), 0)
  t.regex(server.output(), /"requests":1,"msg":"stopped: their mails were not sent"/)
  t.notRegex(server.output(), /ada@example/)
})
