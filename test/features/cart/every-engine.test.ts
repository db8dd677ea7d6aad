import { testOn } from '../../storage/present.ts'
import { startApp } from '../../support/app.ts'
import { signIn } from '../account/steps.ts'
import { checkOut } from './steps.ts'

const ENGINES = {
  cache: {},
  'cache with a database to fall back to': { SESSION_ENGINE: 'cache', CACHE_FALLBACK: 'db' },
  cached_db: {},
  file: {},
  signed_cookies: {},
  hybrid: {},
  'db in Django’s format': { SESSION_ENGINE: 'db', SESSION_FORMAT: 'django' },
  'file in Django’s format': { SESSION_ENGINE: 'file', SESSION_FORMAT: 'django' },
  'signed_cookies in Django’s format': { SESSION_ENGINE: 'signed_cookies', SESSION_FORMAT: 'django' },
}

for (const [name, settings] of Object.entries(ENGINES)) {
  const env = { SESSION_ENGINE: name, ...settings }
  testOn(env)(`a visit on ${name}: a cart before the sign-in, an order after it, and a sign-out`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const [laptop, phone] = [app.browser(), app.browser()]

    t.is((await laptop.json('POST', '/cart/items', { productId: 1, quantity: 2 })).status, 200)
    const before = await laptop.cookie()
    t.is((await signIn(laptop, 'ada')).status, 303)
    t.not(await laptop.cookie(), before)
    t.is((await laptop.json('GET', '/cart')).json<{ lines: unknown[] }>().lines.length, 1)
    t.is((await checkOut(laptop)).status, 200)
    t.is((await laptop.json('GET', '/cart')).json<{ lines: unknown[] }>().lines.length, 0)

    // A new password ends the phone, and this browser goes on.
    t.is((await signIn(phone, 'ada')).status, 303)
    const change = { current: 'ada-demo-password', password: 'another-long-password', repeat: 'another-long-password' }
    t.is((await laptop.json('POST', '/account/password', change)).status, 200)
    t.is((await phone.json('GET', '/account')).status, 401)
    t.is((await laptop.json('GET', '/account')).status, 200)

    const signedIn = await laptop.cookie()
    t.is((await laptop.json('POST', '/logout')).status, 200)
    t.is((await laptop.json('GET', '/account')).status, 401)
    const copy = await app.browser().get('/account', { cookie: signedIn, accept: 'application/json' })
    t.is(copy.status, 401, 'no copy of the cookie outlives the logout')
  })
}
