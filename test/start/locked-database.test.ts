import type { ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import { seed } from '../../src/seed.ts'
import { testOn } from '../storage/present.ts'
import { TestBrowser } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'
import { cloneWithNotes, note, notesOf, signIn } from '../support/notes-steps.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const WRITERS = 4
const ROUNDS = 25
const SIGN_OUT = '/notes/sign-out'

/** Another program at the same file, such as a backup, which locks it until it is killed. */
const LOCKER = `
import sqlite3 from 'sqlite3'
const database = new sqlite3.Database(process.argv[1])
database.exec('PRAGMA busy_timeout = 60000; BEGIN EXCLUSIVE', (error) => console.log(error?.message ?? 'locked'))
// Garbage collection of the database would release the lock.
setInterval(() => database, 60000)
`

async function start(t: ExecutionContext, cwd: string, DATABASE_URL: string) {
  const server = startProcess([TYPESCRIPT, 'src/server.ts'], {
    cwd,
    env: {
      SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough',
      HOST: '127.0.0.1',
      PORT: '0',
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      SESSION_STORE_TIMEOUT: '1000',
      DATABASE_URL,
    },
  })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  return { server, origin }
}

/** A signed-in browser, and its cookie before anything was ended. */
async function member(t: ExecutionContext, origin: string, username: string) {
  const browser = new TestBrowser(origin)
  t.is((await signIn(browser, username)).status, 200)
  const cookie = await browser.cookie()
  return { cookie, ask: async (path: string) => (await browser.post(path, {}, { cookie })).status }
}

testOn({ SESSION_ENGINE: 'db' })(
  'saves during a lock that is longer than the timeout survive a crash, and ended sessions stay ended',
  async (t) => {
    t.timeout(180_000)
    const url = await migratedSqlite(t)
    const knex = openDatabase(url)
    await seed(knex, { demoUsers: true })
    await knex.destroy()
    const folder = await cloneWithNotes(t)
    const { server, origin } = await start(t, folder, url)
    const writers = Array.from({ length: WRITERS }, () => {
      return { browser: new TestBrowser(origin), acknowledged: 0, refused: 0 }
    })
    const write = async (writer: (typeof writers)[number]) => {
      const { status } = await note(writer.browser, 'milk')
      if (status === 200) writer.acknowledged++
      else writer.refused++
      t.true(status === 200 || status === 503, `${status}`)
    }
    const before = await member(t, origin, 'ada')
    const hasty = await member(t, origin, 'ada')
    const after = await member(t, origin, 'ada')
    const during = await member(t, origin, 'grace')
    const patient = await member(t, origin, 'grace')
    for (let round = 0; round < ROUNDS; round++) await Promise.all(writers.map(write))
    t.is(await before.ask(SIGN_OUT), 303)

    const locker = startProcess(['--input-type=module', '-e', LOCKER, url.slice('sqlite:'.length)])
    t.teardown(() => void locker.child.kill('SIGKILL'))
    await locker.printed(/^locked$/m)
    await Promise.all(
      writers.map(async (writer) => {
        while (writer.refused === 0) await write(writer)
      }),
    )
    t.is(await hasty.ask(SIGN_OUT), 503, 'and it is not asked again')
    const ended = patient.ask('/notes/end-others')
    await locker.stop('SIGKILL')
    t.is(await ended, 303)

    for (let round = 0; round < ROUNDS; round++) await Promise.all(writers.map(write))
    t.is(await after.ask(SIGN_OUT), 303)
    for (let round = 0; round < ROUNDS; round++) await Promise.all(writers.map(write))
    await server.stop('SIGKILL')

    const again = await start(t, folder, url)
    const missing = await Promise.all(
      writers.map(async ({ browser, acknowledged, refused }) => {
        const { milk: count = 0 } = await notesOf(new TestBrowser(again.origin, browser.jar))
        t.true(count <= acknowledged + refused)
        return Math.max(0, acknowledged - count)
      }),
    )
    const statuses = await Promise.all(
      [before, during, after].map(async ({ cookie }) => {
        const headers = { cookie, accept: 'application/json' }
        return (await new TestBrowser(again.origin).get('/notes/user', headers)).status
      }),
    )
    const none = writers.map(() => 0)
    t.deepEqual({ missing, statuses }, { missing: none, statuses: [401, 401, 401] }, 'what was acknowledged')
  },
)
