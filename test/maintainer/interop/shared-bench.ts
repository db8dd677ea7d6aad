import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext, TestFn } from 'ava'
import type { Knex } from 'knex'
import { migrate, openDatabase } from '../../../src/database.ts'
import type { ExpiryPolicy } from '../../../src/session/core/expiry.ts'
import type { Engine } from '../../../src/session/engines/engine.ts'
import { type Django, startDjango } from '../../support/django/django.ts'
import { ourSite, type Secrets } from '../../support/django/our-site.ts'
import { EXPIRY } from '../../support/engine.ts'

/** What a backend needs to be shared by both sides. */
export interface Backend {
  /** For SESSION_ENGINE and whatever else Django's settings need. */
  settings(folder: string): Record<string, unknown>
  engine(storage: SharedStorage): Engine | Promise<Engine>
  /** The backend alone ends sessions, keys and all; a cookie that holds the session cannot. */
  readonly keepsRecords: boolean
  /** Django itself ends a session by an expiry of seconds that the session has. */
  readonly djangoEndsBySeconds: boolean
  /** Django before 4.1 fails already when it reads a session whose expiry is a date, not only when it changes it. */
  readonly oldDjangoFailsToReadDates: boolean
}

export interface SharedStorage {
  readonly folder: string
  readonly knex: Knex
  readonly secrets: Secrets
  readonly expiry: ExpiryPolicy
  readonly now: () => number
}

export const SECRET = 'a secret that both sides know: 0b2f7d19'
export const NEW_SECRET = 'the secret that comes after it: 5e8ac604'
const SECRETS: Secrets = [SECRET]

/** Both sides on one database and one folder. */
export interface Bench {
  readonly django: Django
  /** Our side with everything as Django has it. */
  ours(t: ExecutionContext, changes?: { secrets?: Secrets; clock?: () => number }): ReturnType<typeof ourSite>
  /** Another Django beside the first, with other settings. */
  anotherDjango(t: ExecutionContext, settings: Record<string, unknown>): Promise<Django>
  readonly knex: Knex
  readonly folder: string
  /** A user of Django's with a name that no other test has. */
  readonly newUser: () => { username: string; password: string }
}

/**
 * Starts both sides before the first test of the file and stops them after the last. The tests run one by one, as all
 * of them wait for the same disk, and a store that waits too long answers 503.
 */
export function useBench(test: TestFn, python: string, backend: Backend): () => Bench {
  let bench: Bench | undefined
  let stop = async () => {}

  test.before('start Django', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-django-'))
    const file = join(folder, 'shared.sqlite3')
    const knex = openDatabase(`sqlite:${file}`)
    stop = async () => {
      await knex.destroy()
      await rm(folder, { recursive: true, force: true })
    }
    await migrate(knex)
    const settings = {
      SECRET_KEY: SECRET,
      DATABASES: { default: { ENGINE: 'django.db.backends.sqlite3', NAME: file } },
      ...backend.settings(folder),
    }
    const django = await startDjango(python, settings)
    const release = stop
    stop = async () => {
      await django.stop()
      await release()
    }
    bench = {
      django,
      knex,
      folder,
      async ours(t, { secrets = SECRETS, clock = Date.now } = {}) {
        const connection = openDatabase(`sqlite:${file}`)
        const storage = { folder, knex: connection, secrets, expiry: EXPIRY, now: clock }
        const site = await ourSite({ ...storage, engine: await backend.engine(storage) })
        t.teardown(async () => {
          site.close()
          await connection.destroy()
        })
        return site
      },
      async anotherDjango(t, changes) {
        const another = await startDjango(python, { ...settings, ...changes })
        t.teardown(another.stop)
        return another
      },
      newUser: () => ({ username: `user-${randomUUID()}`, password: 'correct horse battery' }),
    }
  })

  test.after.always('stop Django', () => stop())

  return () => {
    if (bench === undefined) throw new Error('Django is not started yet')
    return bench
  }
}
