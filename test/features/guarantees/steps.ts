import type { Engine } from '../../../src/session/index.ts'
import type { Answer, TestBrowser } from '../../support/app.ts'
import { deferred } from '../../support/handlers.ts'

interface State {
  readonly items: readonly number[]
  readonly signedIn: boolean
  readonly sessions: number | null
}

/** The requests of the page. */
export function demonstration(browser: TestBrowser, side = 'engine') {
  const post = (action: string, body: unknown = {}): Promise<Answer> =>
    browser.json('POST', `/guarantees/${side}/${action}`, body)
  return {
    begin: () => post('begin', { begin: true }),
    add: (item: number, slowly = false) => post('add', { item, slowly }),
    signIn: () => post('sign-in'),
    signOut: () => post('sign-out'),
    end: () => post('end'),
    state: async () => (await post('state')).json<State>(),
  }
}

export const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status)

/** Holds saves of sessions, but no sign-in and no sign-out, until they are let go. */
export function holdSaves(engine: Engine) {
  const commit = engine.commit.bind(engine)
  const { promise: released, resolve: release } = deferred()
  const waiting: (() => void)[] = []
  let held = 0
  engine.commit = async (one) => {
    if (one.write === 'save') {
      held++
      for (const check of waiting) check()
      await released
    }
    return await commit(one)
  }
  const reached = (count: number) =>
    new Promise<void>((resolve) => {
      const check = () => held >= count && resolve()
      waiting.push(check)
      check()
    })
  return {
    /** Waits until this many are held, or one of their requests has been answered all the same. */
    areHeld: async (count: number, requests: readonly Promise<unknown>[]) => {
      await Promise.race([reached(count), ...requests])
    },
    release: () => {
      engine.commit = commit
      release()
    },
  }
}
