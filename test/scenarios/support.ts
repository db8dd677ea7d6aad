import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import type { TestedEngine } from '../storage/set-ups.ts'
import type { Answer, TestBrowser } from '../support/app.ts'
import { deferred } from '../support/handlers.ts'
import { Deployment, type Page } from './deployment.ts'
import { EXCEPTIONS, type ExceptionName, exceptionOf } from './exceptions.ts'

export type Scenario = (t: ExecutionContext, deployment: Deployment) => Promise<void>

/** Registers a scenario on every engine; on those that have one of these exceptions, what happens instead. */
export type RegisterScenario = (
  title: string,
  scenario: Scenario,
  instead?: Readonly<Partial<Record<ExceptionName, Scenario>>>,
) => void

/** Serial, because scenarios control the order of requests with barriers. */
export function scenariosOn(engines: readonly TestedEngine[]): RegisterScenario {
  const deployments = new Map(engines.map((engine) => [engine.name, new Deployment(engine)]))
  test.after.always(async () => {
    for (const deployment of deployments.values()) await deployment.close()
  })
  return (title, scenario, instead = {}) => {
    for (const [name, deployment] of deployments) {
      const exception = exceptionOf(name, Object.keys(instead) as ExceptionName[])
      if (exception === undefined) test.serial(`${name}: ${title}`, (t) => scenario(t, deployment))
      else {
        const fullTitle = `${name}: ${title}; except: ${EXCEPTIONS[exception].says}`
        test.serial(fullTitle, (t) => instead[exception]?.(t, deployment) ?? t.fail())
      }
    }
  }
}

/** Where a request waits until the test lets it continue. */
export function gate() {
  const arrived = deferred()
  const opened = deferred()
  return {
    /** Resolves when a request is waiting. */
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
export async function overlapping(t: ExecutionContext, deployment: Deployment, pages: Record<Turn, Page>) {
  const { pass, arrived, open } = gate()
  const slow: Page = async (...page) => {
    const answer = await pages.first(...page)
    await pass()
    return answer
  }
  const begin: Page = async (session, ...rest) => {
    deployment.fill(session)
    await pages.begin(session, ...rest)
  }
  const here = await deployment.site(t, { '/begin': begin, '/first': slow, '/read': pages.read })
  const there = await deployment.site(t, { '/second': pages.second }, 1)
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
