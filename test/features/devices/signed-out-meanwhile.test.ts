import test from 'ava'
import { isPossible, testOn } from '../../storage/present.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { isSignedIn } from '../account/steps.ts'
import { age, END_OTHERS, end, endOthers, IPHONE, idOf, PASSWORD, signedIn } from './steps.ts'

const ENDED = /role="status">(?:Your session has ended|You were signed out on another device)\. Sign in again\./

/** Every session of the user ends during the next request, when it has been opened once, or before it ends one. */
function signOutMeanwhile({ services: { engine } }: TestApp, when: 'opened' | 'endOne'): void {
  const { open, endOne } = engine
  const signOut = async () => {
    Object.assign(engine, { open, endOne })
    await engine.endUser('1')
  }
  let opened = false
  if (when === 'opened') {
    engine.open = async (value) => {
      if (opened) await signOut()
      opened = true
      return await open.call(engine, value)
    }
  } else {
    engine.endOne = async (userId, id) => {
      await signOut()
      return await endOne.call(engine, userId, id)
    }
  }
}

const LISTED = { SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' }

for (const env of [LISTED, { SESSION_ENGINE: 'signed_cookies' }, { SESSION_ENGINE: 'hybrid' }]) {
  if (!isPossible(env)) continue
  const name = env.SESSION_ENGINE

  test(`${name}: whoever is signed out while the password is confirmed is told so, and nothing else ends`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const here = await signedIn(app)
    await age(app, here)
    signOutMeanwhile(app, 'opened')
    const there = await endOthers(here, { password: PASSWORD, page: '2' })
    t.deepEqual([there.status, there.headers.get('location')], [303, '/login?next=%2Faccount%2Fsessions'])
    t.regex((await here.get(there.headers.get('location') ?? '')).text, ENDED)
    t.false(await isSignedIn(here))

    const json = await signedIn(app)
    await age(app, json)
    signOutMeanwhile(app, 'opened')
    const answer = await json.json('POST', END_OTHERS, { password: PASSWORD })
    t.is(answer.status, 401)
    t.false(await isSignedIn(json))
  })

  test(`${name}: whoever is signed out while the others are, stays signed out`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const here = await signedIn(app)
    signOutMeanwhile(app, 'opened')
    const answer = await endOthers(here)
    t.deepEqual([answer.status, answer.headers.get('location')], [303, '/login?next=%2Faccount%2Fsessions'])
    t.false(await isSignedIn(here))
  })
}

testOn(LISTED)('whoever is signed out while one device is, stays signed out', async (t) => {
  const app = await startApp(LISTED)
  t.teardown(() => app.close())
  const here = await signedIn(app)
  await signedIn(app, IPHONE)
  const id = await idOf(here, /iPhone/)
  signOutMeanwhile(app, 'endOne')
  t.is((await end(here, id)).status, 404)
  t.false(await isSignedIn(here))
})
