import type { ExecutionContext } from 'ava'
import { z } from 'zod'
import { defineSlice } from '../../src/session/index.ts'
import type { Deployment, Page, Pages } from './deployment.ts'
import { overlapping, type RegisterScenario, unique } from './support.ts'

export const basket = defineSlice<string[]>({
  name: 'scenario-basket',
  schema: z.array(z.string()),
  default: () => [],
  merge: (mine, theirs, base) => [...theirs, ...mine.filter((item) => !base.includes(item))],
})

const begin: Page = (session) => session.assign({ list: ['begun'], word: 'begun' })
const push =
  (item: string): Page =>
  (session) =>
    void (session.get('list') as string[]).push(item)

/** Refuses a third item, as a cart refuses its hundredth product. */
const limited =
  (item: string): Page =>
  (session) =>
    session.update('list', (current) => {
      const items = current as string[]
      if (items.length >= 2) throw Object.assign(new Error('full'), { status: 422 })
      return [...items, item]
    })

interface Overlap {
  readonly title: string
  /** What each of both requests does. */
  readonly change: (name: 'first' | 'second') => Page
  readonly read: Page
  readonly found: unknown
  /** Where the last answer wins. */
  readonly instead: unknown
  /** Status of the first request, which is stored last; 200 unless said otherwise. */
  readonly refused?: number
}

const OVERLAPS: readonly Overlap[] = [
  {
    title: 'two tabs push to a list in place: both items are there',
    change: push,
    read: (session) => session.get('list'),
    found: ['begun', 'second', 'first'],
    instead: ['begun', 'first'],
  },
  {
    title: 'two tabs set a slice with a merge rule: it joins both',
    change: (name) => (session) => session.set(basket, [...session.get(basket), name]),
    read: (session) => session.get(basket),
    found: ['second', 'first'],
    instead: ['first'],
  },
  {
    title: 'two tabs each give a default: the one that is stored first stays',
    change: (name) => (session) => session.setDefault('default', name),
    read: (session) => session.get('default'),
    found: 'second',
    instead: 'first',
  },
  {
    title: 'an update that throws when it is applied again: its request is refused, and nothing of it is stored',
    change: (name) => (session, ctx, services) => {
      session.set(name, 'beside')
      return limited(name)(session, ctx, services)
    },
    read: (session) => [session.get('list'), session.has('first'), session.has('second')],
    found: [['begun', 'second'], false, true],
    instead: [['begun', 'first'], true, false],
    refused: 422,
  },
  {
    title: 'an object that goes on changing after it was set is stored as it is in the end, beside the other’s change',
    change: (name) => (session) => {
      const items: string[] = [name]
      session.set(name, items)
      items.push('later')
    },
    read: (session) => [session.get('first'), session.get('second')],
    found: [
      ['first', 'later'],
      ['second', 'later'],
    ],
    instead: [['first', 'later'], null],
  },
]

/** Changes of one session that overlap. */
export function overlappingChanges(scenario: RegisterScenario): void {
  for (const { title, change, read, found, instead, refused = 200 } of OVERLAPS) {
    const pages = { begin, first: change('first'), second: change('second'), read }
    scenario(
      title,
      async (t, deployment) => {
        const overlap = await overlapping(t, deployment, pages)
        t.deepEqual([overlap.first.status, overlap.second.status, overlap.read], [refused, 200, found])
      },
      {
        async lastAnswerWins(t, deployment) {
          const overlap = await overlapping(t, deployment, pages)
          t.deepEqual([overlap.first.status, overlap.second.status, overlap.read], [200, 200, instead])
        },
      },
    )
  }

  scenario('two tabs set one value: the later one wins, and an event reports it', async (t, deployment) => {
    const { services } = await deployment.site(t, {})
    const overwritten: (readonly string[])[] = []
    services.addObserver((event) => void (event.type === 'overwritten' && overwritten.push(event.keys)))
    const set =
      (word: string): Page =>
      (session) =>
        session.set('word', word)
    const read: Page = (session) => session.get('word')
    const overlap = await overlapping(t, deployment, { begin, first: set('first'), second: set('second'), read })
    t.is(overlap.read, 'first')
    // With the cookie as the only storage this is unknown.
    const inCookie = services.engine.cookieHoldsData === true && deployment.engine.large !== true
    t.deepEqual(overwritten, inCookie ? [] : [['word']])
  })

  scenario(
    'many changes from two processes at once: each that was acknowledged is there exactly once',
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
    },
  )
}

async function changeAtOnce(t: ExecutionContext, deployment: Deployment) {
  const pages: Pages = {
    '/begin': (session) => {
      deployment.fill(session)
      session.set('list', [])
    },
    '/push': (session, ctx) => void (session.get('list') as string[]).push(String(ctx.query['item'])),
    '/update': (session, ctx) => session.update('list', (items) => [...(items as string[]), String(ctx.query['item'])]),
    '/read': (session) => session.get('list'),
  }
  const browser = (await deployment.site(t, pages)).browser()
  await browser.get('/begin')
  const there = (await deployment.site(t, pages, 1)).browser(browser.jar)
  const acknowledged: string[] = []
  await Promise.all(
    Array.from({ length: 40 }, async (_, number) => {
      const item = unique()
      const { status } = await (number % 2 === 0 ? browser : there).get(
        `/${number % 3 === 0 ? 'push' : 'update'}?item=${item}`,
      )
      if (status === 200) acknowledged.push(item)
      else t.is(status, 503, 'only contention may refuse a change')
    }),
  )
  return { acknowledged, found: (await browser.get('/read')).json<string[]>() }
}
