import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Knex } from 'knex'
import { serialOn } from '../storage/present.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { appInTime, outageInTime } from '../support/store-timeout.ts'

const onTable = serialOn({ SESSION_ENGINE: 'db' })
const onFiles = serialOn({ SESSION_ENGINE: 'file' })

/** Another program at the same file, such as a backup, which locks it until it is killed. */
const LOCKER = `
import sqlite3 from 'sqlite3'
const database = new sqlite3.Database(process.argv[1])
database.exec('PRAGMA busy_timeout = 60000; BEGIN EXCLUSIVE', (error) => console.log(error?.message ?? 'locked'))
// Garbage collection of the database would release the lock.
setInterval(() => database, 60000)
`
const CHILD = fileURLToPath(new URL('../session/stores/file-child.ts', import.meta.url))

onTable('a database that another process has locked: 503 within one timeout', async (t) => {
  const app = await appInTime(t, { SESSION_ENGINE: 'db' })
  const path = app.services.config.databaseUrl.slice('sqlite:'.length)
  let locker: ReturnType<typeof startProcess> | undefined
  t.teardown(() => void locker?.child.kill('SIGKILL'))
  await outageInTime(t, app, {
    async begin() {
      locker = startProcess(['--input-type=module', '-e', LOCKER, path])
      await locker.printed(/locked/)
    },
    end: async () => void (await locker?.stop('SIGKILL')),
    reads: true,
  })
})

onTable('a database that is full: 503', async (t) => {
  const app = await appInTime(t, { SESSION_ENGINE: 'db' })
  const connections = new Set([app.services.knex, app.services.sessionKnex])
  const limit = async (knex: Knex, pages: number) => void (await knex.raw(`PRAGMA max_page_count = ${pages}`))
  const [{ page_count: full } = { page_count: 0 }] =
    await app.services.knex.raw<{ page_count: number }[]>('PRAGMA page_count')
  t.true(full > 0)
  const browser = app.browser()
  t.is((await browser.json('POST', '/notes', { name: 'before' })).status, 200)
  for (const knex of connections) await limit(knex, full)
  // Every visitor is a new row, so that some of them do not fit in.
  const others = Array.from({ length: 200 }, () => app.browser())
  const answers = []
  for (const other of others) {
    const answer = await other.json('POST', '/notes', { name: 'more' })
    answers.push(answer)
    if (answer.status !== 200) break
  }
  const last = answers.at(-1)
  t.deepEqual([last?.status, last?.headers.has('retry-after'), last?.headers.getSetCookie()], [503, true, []])
  t.is((await browser.json('GET', '/notes')).status, 200)
  for (const knex of connections) await limit(knex, 1_000_000)
  t.is((await browser.json('POST', '/notes', { name: 'after' })).status, 200)
  t.deepEqual((await browser.json('GET', '/notes')).json(), { before: 1, after: 1 })
})

onFiles('a file whose lock a living process holds: 503 within one timeout', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-locked-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const app = await appInTime(t, { SESSION_ENGINE: 'file', SESSION_FILE_PATH: folder })
  const holders: ReturnType<typeof startProcess>[] = []
  t.teardown(() => {
    for (const { child } of holders) child.kill('SIGKILL')
  })
  await outageInTime(t, app, {
    async begin() {
      const files = (await readdir(folder, { recursive: true })).filter((file) => /[0-9a-f]{64}$/.test(file))
      t.true(files.length >= 2)
      for (const file of files) {
        const lock = join(folder, '.holdfast', `${basename(file)}.lock`)
        const holder = startProcess([TYPESCRIPT, CHILD, 'hold', '', '', '', lock])
        holders.push(holder)
        await holder.printed(/held/)
      }
    },
    async end() {
      await Promise.all(holders.map((holder) => holder.stop('SIGKILL')))
    },
    reads: true,
    sessionsOnly: true,
  })
})
