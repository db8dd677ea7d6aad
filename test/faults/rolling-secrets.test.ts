import test from 'ava'
import { caches } from '../../src/storage/index.ts'
import { LOCAL, onCache } from '../storage/set-ups.ts'
import { migratedSqlite } from '../support/databases.ts'
import { Rolling } from '../support/rolling.ts'

const OLD = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-the-old-one'
const NEW = 'Zt8w2MvN5qX1rJ7yL4bD9sF3hK6cG0pE-the-new-one'
const STEPS = [
  { SECRET_KEY: OLD },
  { SECRET_KEY: OLD, SECRET_KEY_FALLBACKS: NEW },
  { SECRET_KEY: NEW, SECRET_KEY_FALLBACKS: OLD },
  { SECRET_KEY: NEW },
] as const

for (const { name, env } of [...LOCAL.filter(({ oneProcess }) => !oneProcess), ...caches.flatMap(onCache)]) {
  test.serial(`${name}: a new secret, process by process, signs nobody out`, async (t) => {
    t.timeout(300_000)
    const settings = {
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      DATABASE_URL: await migratedSqlite(t),
      // Reading is activity, which brings a session under the new secret.
      SESSION_SAVE_EVERY_REQUEST: 'true',
      ...env,
    }
    const overlapping = env['SESSION_ENGINE']?.endsWith('db') === true && env['SESSION_FORMAT'] !== 'django'
    const site = new Rolling({ env: settings, overlapping })
    const [first, ...steps] = STEPS
    try {
      await site.start(first)
      for (const step of steps) await site.roll(step, 1500)
    } finally {
      await site.close()
    }
    t.log(`${site.changes} changes, ${site.endings} logouts, ${site.unknown} answers with 5xx`)
    t.true(site.unknown < site.changes / 10)
    t.deepEqual(site.wrong, { lost: [], signedOut: [], revived: [], refused: [] })
  })
}
