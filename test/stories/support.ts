import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import type { StoryEngine } from '../storage/set-ups.ts'
import type { Answer, TestBrowser } from '../support/app.ts'
import { deferred } from '../support/handlers.ts'
import { EXCEPTIONS, type ExceptionName, exceptionOf } from './exceptions.ts'
import { type Page, Place } from './place.ts'

export type Story = (t: ExecutionContext, place: Place) => Promise<void>

/** Registers a story on every engine; on those that have one of these exceptions, what happens instead. */
export type Tell = (title: string, story: Story, instead?: Readonly<Partial<Record<ExceptionName, Story>>>) => void

/** One after the other: each story has the machine to itself, and its barriers decide over the order. */
export function storiesOn(engines: readonly StoryEngine[]): Tell {
  const places = new Map(engines.map((engine) => [engine.name, new Place(engine)]))
  test.after.always(async () => {
    for (const place of places.values()) await place.close()
  })
  return (title, story, instead = {}) => {
    for (const [name, place] of places) {
      const exception = exceptionOf(name, Object.keys(instead) as ExceptionName[])
      if (exception === undefined) test.serial(`${name}: ${title}`, (t) => story(t, place))
      else {
        const told = `${name}: ${title}; except: ${EXCEPTIONS[exception].says}`
        test.serial(told, (t) => instead[exception]?.(t, place) ?? t.fail())
      }
    }
  }
}

/** Where a request waits until the story lets it go on. */
export function gate() {
  const arrived = deferred()
  const opened = deferred()
  return {
    /** Resolves when somebody waits. */
    arrived: arrived.promise,
    open: () => opened.resolve(),
    async pass() {
      arrived.resolve()
      await opened.promise
    },
  }
}

/** An answer that another jar took reaches this browser. */
export async function arrive(browser: TestBrowser, { headers }: Answer): Promise<void> {
  for (const line of headers.getSetCookie()) await browser.jar.setCookie(line, browser.origin)
}

/** A value that no other operation has. */
export function unique(): string {
  return randomBytes(6).toString('hex')
}

/**
 * One visitor, two requests that overlap: the first has done its work when the second begins, in another process, and is
 * saved when the second is answered. Returns both answers, and what a third request reads.
 */
export async function overlapping(t: ExecutionContext, place: Place, pages: Record<Turn, Page>) {
  const { pass, arrived, open } = gate()
  const slow: Page = async (...page) => {
    const answer = await pages.first(...page)
    await pass()
    return answer
  }
  const begin: Page = async (session, ...rest) => {
    place.fill(session)
    await pages.begin(session, ...rest)
  }
  const here = await place.site(t, { '/begin': begin, '/first': slow, '/read': pages.read })
  const there = await place.site(t, { '/second': pages.second }, 1)
  const browser = here.browser()
  t.is((await browser.get('/begin')).status, 200)
  const under = browser.get('/first')
  await Promise.race([arrived, under])
  const second = await there.browser(browser.jar).get('/second')
  open()
  const first = await under
  return { first, second, read: (await browser.get('/read')).json<unknown>() }
}

type Turn = 'begin' | 'first' | 'second' | 'read'
