import test from 'ava'
import { engines, formats } from '../../src/storage/index.ts'
import { isPossible } from '../storage/present.ts'
import { appWithNotes, isSignedIn, signIn } from '../support/notes-steps.ts'

for (const { name: SESSION_ENGINE } of engines) {
  for (const { name: SESSION_FORMAT } of formats) {
    const env = { SESSION_ENGINE, SESSION_FORMAT, ...(/cache/.test(SESSION_ENGINE) ? { CACHE_URL: 'memory:' } : {}) }
    const listed = !['signed_cookies', 'file', 'hybrid'].includes(SESSION_ENGINE) && SESSION_FORMAT !== 'django'
    if (!isPossible(env)) continue
    test(`sessions of a user, ${SESSION_ENGINE}, ${SESSION_FORMAT}: ${listed ? 'limited' : 'as the guide says, not limited'}`, async (t) => {
      const app = await appWithNotes(t, { ...env, SESSION_MAX_PER_USER: '2' })
      const browsers = [app.browser(), app.browser(), app.browser()]
      for (const browser of browsers) await signIn(browser, 'ada')
      const alive = await Promise.all(browsers.map(isSignedIn))
      t.is(alive.filter(Boolean).length, listed ? 2 : 3)
    })
  }
}
