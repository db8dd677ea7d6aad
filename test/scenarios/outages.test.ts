import type { Middleware } from 'koa'
import { LOCAL_ENGINES } from '../storage/set-ups.ts'
import type { Page, Pages, Site } from './deployment.ts'
import { gate, scenariosOn, unique } from './support.ts'

// Long enough for what is not locked to be answered by a busy machine.
const scenario = scenariosOn(
  LOCAL_ENGINES.map((tested) => ({ ...tested, env: { ...tested.env, SESSION_STORE_TIMEOUT: '1500' } })),
)

/** Holds the database's lock for writing, as a long transaction does, while `work` runs. */
async function withLockedDatabase<T>({ services: { knex } }: Site, work: () => Promise<T>): Promise<T> {
  return await knex.transaction(async (trx) => {
    await trx('users').where({ id: 0 }).update({ newsletter: false })
    return await work()
  })
}

const pages: Pages = {
  '/push': (session, ctx) =>
    session.update('list', (items) => [...((items ?? []) as string[]), String(ctx.query['item'])]),
  '/read': (session) => session.get('list'),
}

scenario(
  'a database that hangs: changes are stored or a 503, within one timeout, and no one is signed out',
  async (t, deployment) => {
    const site = await deployment.site(t, {
      ...pages,
      '/begin': (session) => {
        deployment.fill(session)
        session.set('list', [])
      },
    })
    const browser = site.browser()
    await browser.get('/begin')
    const cookie = await browser.cookie()
    const acknowledged: string[] = []
    const push = async () => {
      const item = unique()
      const answer = await browser.get(`/push?item=${item}`)
      if (answer.status === 200) acknowledged.push(item)
      else t.deepEqual([answer.status, answer.headers.get('retry-after') !== null], [503, true])
    }
    const timed = async (work: () => Promise<unknown>) => {
      const start = performance.now()
      await work()
      return performance.now() - start
    }
    const [one, ten] = await withLockedDatabase(site, async () => [
      await timed(push),
      await timed(() => Promise.all(Array.from({ length: 10 }, push))),
    ])
    if (acknowledged.length === 0) {
      t.true(ten < 3 * one, `ten took ${ten} ms, one ${one} ms`)
      t.is(await browser.cookie(), cookie)
    }
    await push()
    const found = (await browser.get('/read')).json<string[]>()
    t.is(new Set(found).size, found.length, 'nothing is there twice')
    // Those of a cookie overlap, so that the last answer wins.
    if (site.services.engine.cookieHoldsData !== true) t.true(acknowledged.every((item) => found.includes(item)))
    t.is(found.at(-1), acknowledged.at(-1))
  },
)

scenario(
  'a session can be opened within a transaction of the application without a deadlock',
  async (t, deployment) => {
    const { pass, arrived, open } = gate()
    const within = ({ knex }: Site['services']): Middleware => {
      return async (ctx, next) => {
        if (ctx.path !== '/within') return await next()
        await knex.transaction(async (trx) => {
          await trx('users').where({ id: 0 }).update({ newsletter: false })
          await next()
          await pass()
        })
      }
    }
    const begin: Page = (session) => {
      deployment.fill(session)
      session.set('list', ['begun'])
    }
    const read: Page = (session) => session.get('list')
    const site = await deployment.site(t, { '/begin': begin, '/read': read, '/within': read }, 0, within)
    const [browser, other] = [site.browser(), site.browser()]
    await browser.get('/begin')
    await other.get('/begin')
    const opened = browser.get('/within')
    await Promise.race([arrived, opened])
    t.deepEqual((await other.get('/read')).json(), ['begun'])
    open()
    const answer = await opened
    t.deepEqual([answer.status, answer.json()], [200, ['begun']])
  },
)
