import { readdir, symlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { ExecutionContext } from 'ava'
import { signIn } from '../../src/session/index.ts'
import type { Clock } from './clock.ts'
import type { Deployment, Pages } from './deployment.ts'
import { visitor } from './endings.ts'
import { arrive, type RegisterScenario, type Scenario, unique } from './support.ts'

const SKEW = 30_000
const AGE = 100_000
const DAY = 86_400_000
const SIGNED_IN = ['begun', '7']
// Where the file engine has its locks; imported from there, every scenario here would need that engine.
const LOCKS = '.holdfast'

const pages: Pages = {
  '/rotate': (session) => session.cycleKey(),
  '/push': (session, ctx) => {
    session.update('list', (items) => [...((items ?? []) as string[]), String(ctx.query['item'])])
  },
  '/list': (session) => [session.get('list'), session.userId],
  '/expire': (session) => session.setExpiry(AGE / 1000),
}

/** A visitor of two machines. */
async function between(t: ExecutionContext, deployment: Deployment, [here, there]: readonly [number, number]) {
  const clocks: readonly [Clock, Clock] = [{ ahead: here }, { ahead: there }]
  const setup = await visitor(t, deployment, pages, clocks)
  const pass = (milliseconds: number) => {
    for (const clock of clocks) clock.ahead += milliseconds
  }
  return { ...setup, pass }
}

/** One machine is ahead of the other, and then it is the other way round. */
const ORDERS = [
  [SKEW, 0],
  [0, SKEW],
] as const

/** Two machines whose clocks are half a minute apart, on one storage. */
export function clocksApart(scenario: RegisterScenario): void {
  scenario('clocks 30 s apart: changes on either machine in turn are all kept', async (t, deployment) => {
    for (const order of ORDERS) {
      const { browser, elsewhere } = await between(t, deployment, order)
      await browser.get('/sign-in')
      const items: string[] = []
      for (let turn = 0; turn < 6; turn++) {
        const item = unique()
        const [one, other] = turn % 2 === 0 ? [browser, elsewhere] : [elsewhere, browser]
        const answer = await one.get(turn === 3 ? '/rotate' : `/push?item=${item}`, { cookie: await browser.cookie() })
        t.is(answer.status, 200)
        if (turn !== 3) items.push(item)
        if (one === elsewhere) await arrive(browser, answer)
        t.deepEqual((await other.get('/list', { cookie: await browser.cookie() })).json(), [items, '7'])
      }
    }
  })

  scenario('clocks 30 s apart: a session ended on one machine is ended on both', async (t, deployment) => {
    for (const order of ORDERS) {
      for (const after of [0, SKEW / 2, 2 * SKEW]) {
        const { browser, elsewhere, opens, pass } = await between(t, deployment, order)
        await browser.get('/sign-in')
        const cookie = await browser.cookie()
        pass(after)
        t.is((await elsewhere.get('/end', { cookie })).status, 200)
        t.false(await opens(cookie))
        pass(2 * SKEW)
        t.false(await opens(cookie))
      }
    }
  })

  scenario(
    'clocks 30 s apart: a change under way while the key changes on the other machine is stored, and no one is signed out',
    async (t, deployment) => {
      for (const order of ORDERS) {
        const { browser, elsewhere, arrived, open } = await between(t, deployment, order)
        await browser.get('/sign-in')
        const cookie = await browser.cookie()
        const slow = elsewhere.get('/slow', { cookie })
        await Promise.race([arrived, slow])
        t.is((await browser.get('/rotate')).status, 200)
        t.deepEqual((await elsewhere.get('/read', { cookie })).json(), SIGNED_IN)
        open()
        const late = await slow
        t.deepEqual([late.status, late.headers.getSetCookie()], [200, []])
        t.deepEqual((await elsewhere.get('/read', { cookie: await browser.cookie() })).json(), ['slow', '7'])
      }
    },
    { lateCookie: refused, noForwards: refused },
  )

  scenario(
    'clocks 30 s apart: a session expires on both machines, early or late by no more than that',
    async (t, deployment) => {
      for (const order of ORDERS) {
        // Apart, as a page that is read prolongs its session.
        const [live, over] = [await between(t, deployment, order), await between(t, deployment, order)]
        for (const { browser } of [live, over]) t.is((await browser.get('/expire')).status, 200)
        const cookie = await live.browser.cookie()
        live.pass(AGE - SKEW - 5000)
        for (const one of [live.browser, live.elsewhere]) {
          t.deepEqual((await one.get('/read', { cookie })).json(), ['begun', null])
        }
        over.pass(AGE + SKEW + 5000)
        t.false(await over.opens(await over.browser.cookie()))
      }
    },
  )
}

/** One machine's clock, which is a day ahead while a session begins, and then right again. */
export function clockOnceAhead(scenario: RegisterScenario): void {
  scenario(
    'a clock that was a day ahead once: a session expires by the right one from its next page on',
    async (t, deployment) => {
      const clock = { ahead: DAY }
      const { browser, opens } = await visitor(t, deployment, pages, [clock, clock])
      t.is((await browser.get('/expire')).status, 200)
      clock.ahead = 0
      t.deepEqual((await browser.get('/read')).json(), ['begun', null])
      clock.ahead = AGE - 5000
      const cookie = await browser.cookie()
      t.true(await opens(cookie))
      clock.ahead = 2 * AGE + 5000
      t.false(await opens(cookie))
    },
  )
}

/** Where nothing leads from the old key to the new one. */
const refused: Scenario = async (t, deployment) => {
  for (const order of ORDERS) {
    const { browser, elsewhere, arrived, open } = await between(t, deployment, order)
    await browser.get('/sign-in')
    const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
    await Promise.race([arrived, slow])
    t.is((await browser.get('/rotate')).status, 200)
    open()
    const late = await slow
    t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
    t.deepEqual((await elsewhere.get('/read', { cookie: await browser.cookie() })).json(), SIGNED_IN)
  }
}

/** What overlaps, on machines whose clocks are half a minute apart. */
export function overlapsOfClocks(scenario: RegisterScenario): void {
  scenario(
    'clocks 30 s apart: overlapping changes of both machines are all there',
    async (t, deployment) => {
      const { found, acknowledged } = await changeAtOnce(t, deployment)
      t.true(acknowledged.length > 0)
      t.deepEqual(found.toSorted(), acknowledged.toSorted())
    },
    {
      async lastAnswerWins(t, deployment) {
        const { found, acknowledged } = await changeAtOnce(t, deployment)
        t.true(found.length > 0 && found.every((item) => acknowledged.includes(item)), 'nothing is invented')
      },
      async oneMachine(t, deployment) {
        // What another machine holds: this one waits until it is stale, and one that is ahead takes it over at once.
        const [right, ahead] = [await locked(t, deployment, 0), await locked(t, deployment, SKEW)]
        let isOver = false
        const waiting = right.change().then(() => {
          isOver = true
        })
        t.is((await ahead.change()).status, 200)
        t.false(isOver)
        await waiting
      },
    },
  )
}

async function changeAtOnce(t: ExecutionContext, deployment: Deployment) {
  const { browser, elsewhere } = await between(t, deployment, [0, SKEW])
  const acknowledged: string[] = []
  const cookie = await browser.cookie()
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      const item = unique()
      const answer = await (number % 2 === 0 ? browser : elsewhere).get(`/push?item=${item}`, { cookie })
      if (answer.status === 200) acknowledged.push(item)
      return answer
    }),
  )
  for (const answer of answers) await arrive(browser, answer)
  const [found] = (await browser.get('/list')).json<[string[], null]>()
  return { acknowledged, found }
}

/** A session whose record is locked by another machine, as a page of one with this clock finds it. */
async function locked(t: ExecutionContext, deployment: Deployment, ahead: number) {
  const { folder } = (await deployment.site(t, {})).services.facts
  if (folder === undefined) throw new Error('There are no files')
  const before = new Set(await readdir(folder, { recursive: true }))
  const { browser } = await between(t, deployment, [ahead, ahead])
  const record = (await readdir(folder, { recursive: true, withFileTypes: true })).find(
    (entry) => entry.isFile() && !before.has(relative(folder, join(entry.parentPath, entry.name))),
  )
  if (record === undefined) throw new Error('There is no record')
  await symlink('elsewher.1.AAAAAAAAAAAAAAAA', join(folder, LOCKS, `${record.name}.lock`))
  return { change: () => browser.get('/change') }
}

/** What ends all sessions of a user at once, on engines that can. */
export function clocksAndSignOuts(scenario: RegisterScenario): void {
  scenario(
    'clocks 30 s apart: signing out everywhere, on either machine in turn, ends all sessions for good',
    async (t, deployment) => {
      for (const order of ORDERS) {
        const user = unique()
        const own: Pages = {
          '/sign-in': (session) => signIn(session, user),
          '/everywhere': (_session, _ctx, { engine }) => engine.endUser(user).then(() => 'ok'),
        }
        const clocks = order.map((ahead) => ({ ahead })) as [Clock, Clock]
        const { browser, elsewhere, opens } = await visitor(t, deployment, own, clocks)
        for (const [one, other] of [
          [browser, elsewhere],
          [elsewhere, browser],
          [browser, elsewhere],
        ] as const) {
          await browser.get('/begin')
          await browser.get('/sign-in')
          const cookie = await browser.cookie()
          t.deepEqual((await other.get('/read', { cookie })).json(), ['begun', user])
          t.is((await one.get('/everywhere', { cookie: '' })).status, 200)
          t.false(await opens(cookie))
        }
      }
    },
  )
}
