import test from 'ava'
import { startApp } from '../../support/app.ts'
import { serviceUrl } from '../../support/services.ts'
import { endsAllOthers, IPHONE, listsAndEndsOne, signedIn } from './steps.ts'

const url = serviceUrl('redis')

for (const engine of url === undefined ? [] : ['cache', 'cached_db', 'hybrid']) {
  test(`${engine} on Redis: devices are listed, and ended`, async (t) => {
    const prefix = `devices-${process.pid}-${engine}`
    const app = await startApp({ SESSION_ENGINE: engine, CACHE_URL: url ?? '', CACHE_KEY_PREFIX: prefix })
    try {
      if (engine !== 'hybrid') await listsAndEndsOne(t, app)
      await endsAllOthers(t, app, [await signedIn(app), await signedIn(app, IPHONE)])
    } finally {
      await app.close()
    }
  })
}
