import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { djangoCodec, djangoCustomExpiry } from '../../../src/session/codec/django/django.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { DjangoFileStore } from '../../../src/session/stores/file/django-file.ts'
import { serviceUrl } from '../../support/services.ts'
import { recordsSuite } from './shared-records.ts'
import { sharedSuite } from './shared-suite.ts'

const python = serviceUrl('djangoPython')

if (python !== undefined) {
  const bench = sharedSuite(test, python, {
    settings(folder) {
      const sessions = join(folder, 'sessions')
      mkdirSync(sessions, { mode: 0o700 })
      return { SESSION_ENGINE: 'django.contrib.sessions.backends.file', SESSION_FILE_PATH: sessions }
    },
    async engine({ folder, secrets, expiry, now }) {
      const codec = djangoCodec({ secrets, now })
      const store = new DjangoFileStore({
        folder: join(folder, 'sessions'),
        cookieName: 'sessionid',
        cookieAge: expiry.cookieAge,
        customExpiry: djangoCustomExpiry(codec),
        now,
      })
      await store.prepare()
      return new StoredEngine({ store, codec, expiry, now })
    },
    keepsRecords: true,
    djangoEndsBySeconds: false,
    oldDjangoFailsToReadDates: true,
  })
  recordsSuite(test, bench)
}
