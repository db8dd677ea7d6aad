import test from 'ava'
import { startApp } from '../../support/app.ts'
import { serviceUrl } from '../../support/services.ts'
import { endsAllOthers, IPHONE, listsAndEndsOne, signedIn } from './steps.ts'

const url = serviceUrl('redis')

const ENGINES = {
  cache: { SESSION_ENGINE: 'cache' },
  cached_db: { SESSION_ENGINE: 'cached_db' },
  write_behind: { SESSION_ENGINE: 'cached_db', SESSION_CACHE_STRATEGY: 'write_behind' },
  hybrid: { SESSION_ENGINE: 'hybrid' },
}

for (const [name, settings] of url === undefined ? [] : Object.entries(ENGINES)) {
  test(`${name} on Redis: devices are listed, and ended`, async (t) => {
    const prefix = `devices-${process.pid}-${name}`
    const app = await startApp({ ...settings, CACHE_URL: url ?? '', CACHE_KEY_PREFIX: prefix })
    try {
      if (name !== 'hybrid') await listsAndEndsOne(t, app)
      await endsAllOthers(t, app, [await signedIn(app), await signedIn(app, IPHONE)])
    } finally {
      await app.close()
    }
  })
}
