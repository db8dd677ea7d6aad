import Router from '@koa/router'
import type { ExecutionContext } from 'ava'
import { migrate, openDatabase } from '../../src/database.ts'
import { seed } from '../../src/seed.ts'
import { defineFeature } from '../../src/web/feature.ts'
import { type Answer, startApp, type TestApp, type TestBrowser } from './app.ts'
import type { TestDatabase } from './databases.ts'
import notes from './notes.ts'
import { note, notesOf, signIn } from './notes-steps.ts'

/** SESSION_STORE_TIMEOUT of these applications, in milliseconds. */
export const TIMEOUT = 1000
// Far below the time-outs that would otherwise add up, on a busy machine too.
const MAX_MS = 3.5 * TIMEOUT
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
  await seed(knex, { demoUsers: true })
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
  t.is((await note(visitor, 'before')).status, 200)
  t.is((await signIn(member, 'ada')).status, 200)
  t.is((await note(member, 'kept')).status, 200)
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
  } else t.is((await page(visitor, '/notes')()).status, 200)
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
  t.is((await note(visitor, 'after')).status, 200)
  const found = await notesOf(visitor)
  t.deepEqual([found['before'], found['after']], [1, 1])
  for (const [name, count] of Object.entries(found))
    t.is(count, 1, `${name}: what is unknown is there once or not at all`)
  const kept = await notesOf(member)
  t.is(kept['kept'], 1)
  t.true((kept['unknown'] ?? 0) <= 1)
}
