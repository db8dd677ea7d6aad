import { z } from 'zod'
import { defineSlice, type Slice, signIn, signOut } from '../../src/session/index.ts'
import { LOCAL_KINDS } from '../storage/set-ups.ts'
import type { Pages } from './deployment.ts'
import { droppedSlices } from './dropped.ts'
import { scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_KINDS)
droppedSlices(scenario)

interface Note {
  text: string
}
interface MarkedNote extends Note {
  mark: number
}

/** The slice as the older release declares it; a sign-out keeps it. */
const older = defineSlice<Note>({
  name: 'scenario-note',
  schema: z.object({ text: z.string() }),
  default: () => ({ text: '' }),
  logout: 'keep',
})

/** The same slice in the release that is being deployed beside it. */
const newer: Slice<MarkedNote> = {
  ...older,
  merge: undefined,
  schema: z.object({ text: z.string(), mark: z.number() }),
  default: () => ({ text: '', mark: 0 }),
  version: 2,
  upgrades: { 1: (old) => ({ ...(old as { text: string }), mark: 1 }) },
}

const dated = defineSlice<{ at: Date }>({
  name: 'scenario-dated',
  schema: z.object({ at: z.date() }),
  default: () => ({ at: new Date(0) }),
})

const OLD_RELEASE: Pages = {
  '/old/begin': (session) => session.set(older, { text: 'begun' }),
  '/old/read': (session) => session.get(older),
  '/old/update': (session) => session.update(older, () => ({ text: 'older' })),
  '/old/in-place': (session) => {
    session.get(older).text = 'older'
  },
  '/old/set': (session) => session.set(older, { text: 'older' }),
  '/old/delete': (session) => session.delete(older),
  '/old/drop': (session) => session.drop(older),
  '/old/other': (session) => session.set('word', 'beside'),
  '/sign-in': (session) => signIn(session, '7'),
  '/sign-out': (session) => signOut(session),
}

const NEW_RELEASE: Pages = {
  '/new/mark': (session) => session.update(newer, (note) => ({ ...note, mark: 2 })),
  '/new/read': (session) => session.get(newer),
  '/word': (session) => session.get('word'),
}

scenario(
  'a rolled deploy: what the new release wrote, the old one reads as the default and cannot write',
  async (t, deployment) => {
    const old = await deployment.site(t, OLD_RELEASE)
    const browser = old.browser()
    const upgraded = (await deployment.site(t, NEW_RELEASE, 1)).browser(browser.jar)
    t.is((await browser.get('/old/begin')).status, 200)
    t.is((await upgraded.get('/new/mark')).status, 200)
    const marked = { text: 'begun', mark: 2 }
    for (const path of ['/old/update', '/old/in-place', '/old/set', '/old/delete', '/old/drop']) {
      t.is((await browser.get(path)).status, 409, path)
      t.deepEqual((await upgraded.get('/new/read')).json(), marked, path)
    }
    t.deepEqual((await browser.get('/old/read')).json(), { text: '' })
    t.is((await browser.get('/old/other')).status, 200)
    t.is((await upgraded.get('/word')).json(), 'beside')
    t.deepEqual((await upgraded.get('/new/read')).json(), marked, 'a change of something else takes it along')
    t.is((await browser.get('/sign-in')).status, 200)
    t.deepEqual((await upgraded.get('/new/read')).json(), marked, 'a sign-in takes it along')
  },
)

scenario('a rolled deploy: a sign-out by the old release keeps what the new one wrote', async (t, deployment) => {
  const browser = (await deployment.site(t, OLD_RELEASE)).browser()
  const upgraded = (await deployment.site(t, NEW_RELEASE, 1)).browser(browser.jar)
  await browser.get('/old/begin')
  await browser.get('/sign-in')
  await upgraded.get('/new/mark')
  t.is((await browser.get('/sign-out')).status, 200)
  t.deepEqual((await upgraded.get('/new/read')).json(), { text: 'begun', mark: 2 })
})

scenario('a slice cannot be used by its name, and a plain key is not a slice', async (t, deployment) => {
  const said: unknown[] = []
  const refused = (work: () => unknown) => {
    try {
      return work()
    } catch (error) {
      said.push(error instanceof TypeError)
      throw error
    }
  }
  const browser = (
    await deployment.site(t, {
      ...OLD_RELEASE,
      '/get': (session) => refused(() => session.get('scenario-note')),
      '/set': (session) => refused(() => session.set('scenario-note', 'x')),
      '/delete': (session) => refused(() => session.delete('scenario-note')),
      '/update': (session) => refused(() => session.update('scenario-note', () => 'x')),
    })
  ).browser()
  await browser.get('/old/begin')
  for (const path of ['/get', '/set', '/delete', '/update']) {
    t.is((await browser.get(path)).status, 500, path)
    t.deepEqual([said.pop(), (await browser.get('/old/read')).json()], [true, { text: 'begun' }], path)
  }
})

scenario('a slice that cannot be read back is refused when it is written', async (t, deployment) => {
  const browser = (
    await deployment.site(t, {
      ...OLD_RELEASE,
      '/set': (session) => session.set(dated, { at: new Date() }),
      '/update': (session) => session.update(dated, () => ({ at: new Date() })),
      '/has': (session) => session.has(dated),
    })
  ).browser()
  await browser.get('/old/begin')
  for (const path of ['/set', '/update']) t.is((await browser.get(path)).status, 500, path)
  t.deepEqual([(await browser.get('/has')).json(), (await browser.get('/old/read')).json()], [false, { text: 'begun' }])
})
