import test from 'ava'
import { djangoCodec } from '../../../src/session/codec/django/django.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { djangoLayout } from '../../../src/session/stores/database/django-layout.ts'
import { serviceUrl } from '../../support/services.ts'
import { recordsSuite } from './shared-records.ts'
import { sharedSuite } from './shared-suite.ts'

const python = serviceUrl('djangoPython')

if (python !== undefined) {
  const bench = sharedSuite(test, python, {
    settings: () => ({ SESSION_ENGINE: 'django.contrib.sessions.backends.db' }),
    engine: ({ knex, secrets, expiry, now }) =>
      new StoredEngine({
        store: new DatabaseStore({ knex, table: 'django_session', layout: djangoLayout, now }),
        codec: djangoCodec({ secrets, now }),
        expiry,
        now,
      }),
    keepsRecords: true,
    djangoEndsBySeconds: true,
    oldDjangoFailsToReadDates: false,
  })
  recordsSuite(test, bench)
}
