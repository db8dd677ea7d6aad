import Router from '@koa/router'
import type { ExecutionContext } from 'ava'
import { migrate, openDatabase } from '../../src/database.ts'
import { defineFeature } from '../../src/web/feature.ts'
import { type Answer, startApp, type TestApp, type TestBrowser } from './app.ts'
import { seedForTests, type TestDatabase } from './databases.ts'
import notes from './notes.ts'
import { note, notesOf, signIn } from './notes-steps.ts'

/** SESSION_STORE_TIMEOUT of these applications, in milliseconds. */
export const TIMEOUT = 1000
// Below any two time-outs of old, which were of 5 seconds, and far above one of these, on a busy machine too.
const MAX_MS = 4.5 * TIMEOUT
const SAVES = 10

/** Pages that use the database for something else than sessions, without opening one. */
const rows = defineFeature({
  name: 'rows',
  open({ knex }) {
    const router = new Router()
    router.get('/rows', async (ctx) => {
      ctx.body = await knex('users').where({ id: 0 }).select('id')
    })
    router.get('/rows/change', async (ctx) => {
      await knex.transaction(async (trx) => {
        await trx('users').where({ id: 0 }).update({ newsletter: false })
        await trx('users').where({ id: 0 }).update({ newsletter: true })
      })
      ctx.body = []
    })
    return { routes: router.routes() }
  },
})

export async function appInTime(t: ExecutionContext, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp({ SESSION_STORE_TIMEOUT: String(TIMEOUT), ...env }, undefined, [notes, rows])
  t.teardown(() => app.close())
  return app
}

/** The address of a migrated and seeded database on a server: the application may not be patient enough for that. */
export async function preparedUrl(t: ExecutionContext, { fresh }: TestDatabase): Promise<string> {
  const { url, drop } = await fresh()
  t.teardown(drop)
  const knex = openDatabase(url)
  await migrate(knex)
  await seedForTests(knex)
  await knex.destroy()
  return url
}

interface Outage {
  readonly begin: () => Promise<void> | void
  readonly end: () => Promise<void> | void
  /** Whether reading works, as while another process writes. */
  readonly reads?: true
  /** Whether only sessions are affected, and accounts are elsewhere. */
  readonly sessionsOnly?: true
}

/** What visitors see while storage does not answer, and afterwards. */
export async function outageInTime(t: ExecutionContext, app: TestApp, outage: Outage): Promise<void> {
  const [visitor, member] = [app.browser(), app.browser()]
  const before = await succeeds(() => note(visitor, 'before'))
  await succeeds(() => signIn(member, 'ada'))
  const kept = await succeeds(() => note(member, 'kept'))
  const cookies = await Promise.all([visitor, member].map((browser) => browser.cookie()))

  await outage.begin()
  const refused = async (what: string, work: () => Promise<Answer | Answer[]>) => {
    const start = performance.now()
    const answers = [await work()].flat()
    const took = performance.now() - start
    t.true(took < MAX_MS, `${what} took ${Math.round(took)} ms`)
    for (const { status, headers } of answers) {
      t.deepEqual([status, headers.has('retry-after'), headers.getSetCookie()], [503, true, []], what)
    }
  }
  const page = (browser: TestBrowser, path: string) => () => browser.json('GET', path)
  if (outage.reads !== true) {
    await refused('a page', page(visitor, '/notes'))
    await refused('a page of a member', page(member, '/notes'))
  } else await succeeds(page(visitor, '/notes'))
  await refused('ten saves of one session', () =>
    Promise.all(Array.from({ length: SAVES }, (_, n) => note(visitor, `save${n}`))),
  )
  if (outage.sessionsOnly !== true) {
    await refused('a save of a member', () => note(member, 'unknown'))
    if (outage.reads !== true) await refused('another query', page(app.browser(), '/rows'))
    await refused('another transaction', page(app.browser(), '/rows/change'))
  }
  await outage.end()

  // A connection that was cut off is found with the first statement on it.
  // And a busy machine may be too slow.
  const isBack = async () => {
    for (const [browser, path] of [
      [visitor, '/notes'],
      [member, '/notes'],
      [visitor, '/rows/change'],
    ] as const) {
      if ((await browser.json('GET', path)).status !== 200) return false
    }
    return true
  }
  const end = performance.now() + 20_000
  while (!(await isBack())) if (performance.now() > end) throw new Error('it did not come back')
  t.deepEqual(await Promise.all([visitor, member].map((browser) => browser.cookie())), cookies)
  const sent: Record<string, number> = { before, kept, after: await succeeds(() => note(visitor, 'after')) }
  const found = { ...(await notesOf(visitor)), ...(await notesOf(member)) }
  for (const name of Object.keys(sent)) t.true((found[name] ?? 0) >= 1, `${name} was acknowledged`)
  for (const [name, count] of Object.entries(found))
    t.true(count <= (sent[name] ?? 1), `${name} is there ${count} times`)
}

/** Sends it until it succeeds, as a busy machine may need longer than the timeout; returns how often. */
async function succeeds(work: () => Promise<Answer>): Promise<number> {
  for (let attempts = 1; attempts < 100; attempts++) {
    const { status } = await work()
    if (status === 200) return attempts
    if (status !== 503) throw new Error(`It was answered with ${status}`)
  }
  throw new Error('It did not succeed')
}
