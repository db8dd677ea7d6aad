import type { Session } from '../../src/session/index.ts'
import { LOCAL_KINDS } from '../storage/set-ups.ts'
import { basket, overlappingChanges } from './changes.ts'
import type { Pages } from './deployment.ts'
import { type RegisterScenario, scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_KINDS)
overlappingChanges(scenario)
refusedChanges(scenario)

/** What cannot be stored is refused where it is given, and nothing of that request is stored. */
function refusedChanges(scenario: RegisterScenario): void {
  class Money {
    readonly cents = 1
  }
  const values: Record<string, [unknown, RegExp]> = {
    '/map': [{ deep: [new Map()] }, /a Map \(at "word\.deep\[0\]"\)/],
    '/set': [new Set(), /a Set \(at "word"\)/],
    '/instance': [{ price: new Money() }, /a Money \(at "word\.price"\)/],
    '/promise': [Promise.resolve(1), /a Promise \(at "word"\)/],
    '/function': [{ later: () => 1 }, /a function \(at "word\.later"\)/],
    '/number': [[Number.NaN], /NaN \(at "word\[0\]"\)/],
  }

  scenario(
    'a value that is not JSON is refused with its key and path, and nothing of that request is stored',
    async (t, deployment) => {
      const said: string[] = []
      const page = (value: unknown) => (session: Session) => {
        session.set('other', 'changed')
        try {
          session.set('word', value as string)
        } catch (error) {
          said.push(String(error))
          throw error
        }
      }
      const pages: Pages = {
        '/begin': (session) => session.assign({ word: 'begun' }),
        '/read': (session) => [session.get('word'), session.has('other')],
        ...Object.fromEntries(Object.entries(values).map(([path, [value]]) => [path, page(value)])),
      }
      const browser = (await deployment.site(t, pages)).browser()
      await browser.get('/begin')
      for (const [path, [, expected]] of Object.entries(values)) {
        t.is((await browser.get(path)).status, 500, path)
        t.regex(said.pop() ?? '', expected)
        t.deepEqual((await browser.get('/read')).json(), ['begun', false], path)
      }
    },
  )

  scenario('the function of an update must be synchronous and must not use the session', async (t, deployment) => {
    const pages: Pages = {
      '/begin': (session) => session.assign({ word: 'begun' }),
      '/read': (session) => session.get('word'),
      '/async': (session) => session.update('word', (async () => 'later') as unknown as () => string),
      // Unhandled, its rejection would end the process.
      '/rejected': (session) =>
        session.update('word', (async () => String(session.get('other'))) as unknown as () => string),
      '/get': (session) => session.update('word', () => String(session.get('other'))),
      '/change': (session) => session.update('word', () => String(session.set('other', 'x'))),
    }
    const browser = (await deployment.site(t, pages)).browser()
    await browser.get('/begin')
    for (const path of ['/async', '/rejected', '/get', '/change']) {
      t.is((await browser.get(path)).status, 500, path)
      t.is((await browser.get('/read')).json(), 'begun', path)
    }
  })

  scenario('an object read, changed in place and set: the change is there once', async (t, deployment) => {
    const pages: Pages = {
      '/begin': (session) => {
        session.assign({ list: ['begun'] })
        session.set(basket, ['begun'])
      },
      '/plain': (session) => {
        const list = session.get('list') as string[]
        list.push('plain')
        session.set('list', list)
      },
      '/slice': (session) => {
        const list = session.get(basket)
        list.push('slice')
        session.set(basket, list)
        list.push('later')
      },
      '/read': (session) => [session.get('list'), session.get(basket)],
    }
    const browser = (await deployment.site(t, pages)).browser()
    for (const path of ['/begin', '/plain', '/slice']) t.is((await browser.get(path)).status, 200, path)
    t.deepEqual((await browser.get('/read')).json(), [
      ['begun', 'plain'],
      ['begun', 'slice', 'later'],
    ])
  })

  scenario('clear removes all data, and a change after it is kept', async (t, deployment) => {
    const pages: Pages = {
      '/begin': (session) => session.assign({ word: 'begun', other: 'begun' }),
      '/clear': (session) => {
        session.update('word', (word) => `${word}, again`)
        session.clear()
        session.set('new', 'kept')
      },
      '/read': (session) => Object.fromEntries(session.entries()),
    }
    const browser = (await deployment.site(t, pages)).browser()
    await browser.get('/begin')
    t.is((await browser.get('/clear')).status, 200)
    t.deepEqual((await browser.get('/read')).json(), { new: 'kept' })
  })
}
