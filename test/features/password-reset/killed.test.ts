import { copyFile } from 'node:fs/promises'
import type { ExecutionContext } from 'ava'
import { ResetTokens } from '../../../src/features/password-reset/tokens.ts'
import { testOn } from '../../storage/present.ts'
import { startApp, TEST_SECRET, TestBrowser } from '../../support/app.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { isSignedIn, signIn } from '../account/steps.ts'

const NEW = 'a completely new one'
const PAGE = '/password-reset/new'
const KILL = `--import=${new URL('kill-at-statement.ts', import.meta.url).href}`
const MAX_STATEMENTS = 40
// Copies of its database have the sessions, too.
const ENGINE = { SESSION_ENGINE: 'db' }

/** A database with a link for a user who is signed in. */
async function withLink(t: ExecutionContext) {
  const url = await migratedSqlite(t)
  const app = await startApp({ ...ENGINE, DATABASE_URL: url })
  const { knex, users } = app.services
  const grace = await users.byUsername('grace')
  if (grace === undefined) throw new Error('no demo user')
  const token = await new ResetTokens(knex, users, 3600).create(grace)
  const owner = app.browser()
  await signIn(owner, 'grace')
  await app.close()
  return { file: url.replace('sqlite:', ''), token, jar: owner.jar }
}

type Begun = Awaited<ReturnType<typeof withLink>>

/** The status of the form with the new password, unless the server was killed before; and what it left. */
async function killedBefore(t: ExecutionContext, { file, token, jar }: Begun, statement: number) {
  const copy = `${file}-${statement}`
  await copyFile(file, copy)
  const DATABASE_URL = `sqlite:${copy}`
  const env = { ...ENGINE, DATABASE_URL, SECRET_KEY: TEST_SECRET, NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0' }
  const kill = { KILL_AT: String(statement), KILL_FROM: 'delete from `password_resets`' }
  const server = startProcess([TYPESCRIPT, KILL, 'src/server.ts'], { env: { ...env, ...kill } })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  const sent = new TestBrowser(origin).post(PAGE, { token, password: NEW, repeat: NEW })
  const status = await sent.then(
    (answer) => answer.status,
    () => undefined,
  )
  await server.stop('SIGKILL')

  const app = await startApp({ ...ENGINE, DATABASE_URL })
  const left = {
    session: await isSignedIn(new TestBrowser(app.origin, jar)),
    link: (await app.browser().get(`${PAGE}?token=${token}`)).status === 200,
    new: (await signIn(app.browser(), 'grace', NEW)).status === 303,
    old: (await signIn(app.browser(), 'grace')).status === 303,
  }
  await app.close()
  return { status, left }
}

const UNUSED = { old: true, new: false, link: true, session: true }
const USED = { old: false, new: true, link: false, session: false }

testOn(ENGINE)('killed at any statement: the link works, or its password does and all sessions are over', async (t) => {
  t.timeout(300_000)
  const begun = await withLink(t)
  let used = 0
  for (let statement = 1; statement < MAX_STATEMENTS; statement++) {
    const { status, left } = await killedBefore(t, begun, statement)
    const message = `killed before statement ${statement}`
    if (left.new) t.deepEqual(left, USED, message)
    else t.deepEqual(left, UNUSED, message)
    if (left.new) used++
    if (status === undefined) continue
    t.is(status, 303)
    t.true(used > 1, 'it was also killed between the new password and its answer')
    t.true(statement - 1 > used, 'and before the new password')
    return
  }
  t.fail('it never answered')
})
