import test from 'ava'
import hybrid from '../../src/storage/engines/hybrid.ts'
import cookies from '../../src/storage/engines/signed-cookies.ts'
import '../../src/storage/formats/sealed.ts'
import '../../src/storage/migrating.ts'
import { DATA, migrated } from './migrated.ts'

test('hybrid and signed_cookies do not accept cookies of each other, but migrate them', async (t) => {
  for (const [one, other] of [
    [cookies.name, hybrid.name],
    [hybrid.name, cookies.name],
  ] as const) {
    t.is(await migrated(t, { SESSION_ENGINE: one }, { SESSION_ENGINE: other }), undefined)
    const migrating = { SESSION_ENGINE: other, SESSION_MOVING_FROM: one }
    t.like(await migrated(t, { SESSION_ENGINE: one }, migrating), DATA)
  }
})
