import test from 'ava'
import db from '../../src/storage/engines/db.ts'
import django from '../../src/storage/formats/django.ts'
import sealed from '../../src/storage/formats/sealed.ts'
import '../../src/storage/migrating.ts'
import { DATA, migrated } from './migrated.ts'

test('out of Django’s format into MessagePack: what Django wrote is JSON, whatever is written now', async (t) => {
  const from = { SESSION_ENGINE: db.name, SESSION_FORMAT: django.name }
  const to = {
    SESSION_ENGINE: db.name,
    SESSION_FORMAT: sealed.name,
    SESSION_SERIALIZER: 'msgpack',
    SESSION_MOVING_FROM: `${db.name},${django.name}`,
  }
  t.like(await migrated(t, from, to), DATA)
})
