import { dirname, join } from 'node:path'
import test from 'ava'
import type { CookieJar } from 'tough-cookie'
import { engines } from '../../../src/storage/index.ts'
import { startApp } from '../../support/app.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { signIn } from './steps.ts'

const OLD = 'an older secret of the tests: 1b5e0c2b9d8e4a7c'
const NEW = 'a newer secret of the tests: 9c3d0c2b9d8e4a7c'

for (const { name: engine } of engines.filter(({ requires }) => requires.length === 0)) {
  test(`${engine}: a new secret signs out no user who was active while the old one was a fallback`, async (t) => {
    const url = await migratedSqlite(t)
    const SESSION_FILE_PATH = join(dirname(url.slice('sqlite:'.length)), 'sessions')
    const status = async (secrets: Record<string, string>, jar?: CookieJar) => {
      const app = await startApp({ DATABASE_URL: url, SESSION_ENGINE: engine, SESSION_FILE_PATH, ...secrets })
      try {
        const browser = app.browser(jar)
        if (jar === undefined) await signIn(browser, 'ada')
        return { jar: browser.jar, status: (await browser.json('GET', '/account')).status }
      } finally {
        await app.close()
      }
    }
    const both = { SECRET_KEY: NEW, SECRET_KEY_FALLBACKS: OLD }
    const { jar: here } = await status({ SECRET_KEY: OLD })
    const { jar: there } = await status({ SECRET_KEY: OLD })
    t.is((await status(both, here)).status, 200)
    t.is((await status({ SECRET_KEY: NEW }, here)).status, 200)
    t.is((await status({ SECRET_KEY: NEW }, there)).status, 401, 'who never came by has to sign in')
  })
}
