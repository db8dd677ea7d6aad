import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Router from '@koa/router'
import test, { type ExecutionContext } from 'ava'
import { CookieJar } from 'tough-cookie'
import { djangoCodec } from '../../../src/session/codec/django/django.ts'
import { ConfigError } from '../../../src/settings.ts'
import { defineFeature } from '../../../src/web/feature.ts'
import { startApp, TEST_SECRET, TestBrowser } from '../../support/app.ts'
import { startDjango } from '../../support/django/django.ts'
import { Visitor } from '../../support/django/visitor.ts'
import { deferred } from '../../support/handlers.ts'
import notes from '../../support/notes.ts'
import { serviceUrl } from '../../support/services.ts'

const python = serviceUrl('djangoPython')
const SAME = { DJANGO_USERS: 'same' }
const BACKEND = 'django.contrib.auth.backends.ModelBackend'

/** The id of Django's first user, and of a seeded account. */
const ID = 1

/** What happens between the session's loading here and its saving. */
let meanwhile: () => Promise<unknown> = async () => {}

/** Changes the session as handlers do, without a slice. */
const plain = defineFeature({
  name: 'plain',
  open() {
    const router = new Router()
    router.post('/plain/increment', async (ctx) => {
      const session = await ctx.session()
      session.update('n', (n) => Number(n ?? 0) + 1)
      await meanwhile()
      ctx.body = {}
    })
    router.post('/plain/nested', async (ctx) => {
      const session = await ctx.session()
      const value = session.get('theirs') as { n: number }
      value.n++
      await meanwhile()
      ctx.body = {}
    })
    return { routes: router.routes() }
  },
})

const ENGINES = {
  db: { SESSION_ENGINE: 'django.contrib.sessions.backends.db' },
  file: { SESSION_ENGINE: 'django.contrib.sessions.backends.file' },
  signed_cookies: { SESSION_ENGINE: 'django.contrib.sessions.backends.signed_cookies' },
}

type EngineName = keyof typeof ENGINES

const closing: (() => Promise<unknown>)[] = []

/** The running application and a real Django, with one database and one secret, as docs/django.md says. */
async function startBoth(engine: EngineName, env: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-both-'))
  closing.unshift(() => rm(folder, { recursive: true, force: true }))
  const [file, sessions] = [join(folder, 'shared.sqlite3'), join(folder, 'sessions')]
  await mkdir(sessions, { mode: 0o700 })
  // First, because DJANGO_USERS=same needs its tables at the start.
  const django = await startDjango(python ?? '', {
    SECRET_KEY: TEST_SECRET,
    DATABASES: { default: { ENGINE: 'django.db.backends.sqlite3', NAME: file } },
    SESSION_FILE_PATH: sessions,
    ...ENGINES[engine],
  })
  closing.unshift(django.stop)
  const own = { SESSION_FORMAT: 'django', SESSION_ENGINE: engine, DATABASE_URL: `sqlite:${file}` }
  const app = await startApp({ ...own, SESSION_FILE_PATH: sessions, ...env }, undefined, [notes, plain])
  closing.unshift(app.close)
  const user = { username: 'djangos-first', password: 'correct horse battery' }
  await new Visitor().at(django, 'register', user)
  const { username = '' } = (await app.services.users.byId(String(ID))) ?? {}
  return { django, knex: app.services.knex, user, username, origin: app.origin.replace('localhost', '127.0.0.1') }
}

const started = new Map<string, ReturnType<typeof startBoth>>()

/** Both as they were at the start. Started once for each setting, because that takes seconds. */
async function both(t: ExecutionContext, env: Record<string, string> = {}, engine: EngineName = 'db') {
  const key = JSON.stringify([engine, env])
  const starting = started.get(key) ?? startBoth(engine, env)
  started.set(key, starting)
  const { django, knex, user, username, origin } = await starting
  await knex('django_session').delete()
  await knex('users').where({ id: ID }).update({ account_data: null, disabled_at: null })
  const visit = () => {
    const jar = new CookieJar()
    return { there: new Visitor(jar), here: new TestBrowser(origin, jar) }
  }
  return {
    django,
    knex,
    user,
    username,
    /** A browser at both. */
    visit,
    async signedInThere() {
      const visitor = visit()
      // In cookies, two sign-ins of one user in one second would be the same text.
      await visitor.there.at(django, 'write', { values: { visit: randomUUID() } })
      await visitor.there.at(django, 'signIn', user)
      return visitor
    },
    accountData: async () => (await knex('users').where({ id: ID }).first('account_data')).account_data,
    /** The text of the only session. */
    async storedJson() {
      const [{ session_data: text }, ...more] = await knex('django_session').select('session_data')
      t.is(more.length, 0)
      const decoded = djangoCodec({ secrets: [TEST_SECRET] }).decode('', text)
      return decoded.ok ? decoded.json : decoded.reason
    },
  }
}

test.after.always('stop all', async () => {
  for (const close of closing) await close()
})

if (python !== undefined) {
  for (const engine of ['db', 'file', 'signed_cookies'] as const) {
    test.serial(
      `${engine}: whom Django has signed in is anonymous here, and signs out without touching our account`,
      async (t) => {
        const { django, user, signedInThere, accountData, knex } = await both(t, {}, engine)
        for (const exists of [true, false]) {
          if (!exists) await knex('users').where({ id: ID }).update({ disabled_at: 1 })
          const { there, here } = await signedInThere()
          t.is((await here.json('POST', '/notes', { name: 'tea', count: 2 })).status, 200)
          const asked = await here.json('GET', '/notes/user')
          t.deepEqual([asked.status, asked.json()], [401, { error: 'Please sign in.' }])
          t.true((await here.get('/')).text.includes('href="/login"'))
          t.is((await there.at(django, 'read')).user, user.username)
          const out = await here.json('POST', '/notes/sign-out')
          t.is(out.status, 200)
          t.deepEqual(await there.at(django, 'read'), { data: {}, user: null, cookiesWork: false })
          t.is(await accountData(), null)
        }
      },
    )

    test.serial(`${engine}: a sign-in here over Django's of the same id takes over nothing`, async (t) => {
      const { django, username, signedInThere, accountData } = await both(t, {}, engine)
      const { there, here } = await signedInThere()
      await there.at(django, 'write', { values: { theirs: 1 } })
      await here.json('POST', '/notes', { name: 'tea', count: 2 })
      t.is((await here.json('POST', '/notes/sign-in', { username })).status, 200)
      t.deepEqual((await here.json('GET', '/notes/user')).json(), { username })
      t.deepEqual((await here.json('GET', '/notes')).json(), {})
      t.is(await accountData(), null)
      const { user, data } = await there.at(django, 'read')
      t.is(user, null)
      t.is(data['theirs'], undefined)
      t.is(data['_auth_user_backend'], undefined)
      t.deepEqual((await here.json('GET', '/notes/user')).json(), { username }, 'Django has not ended it')
      await there.at(django, 'increment', { name: 'n' })
      t.deepEqual((await here.json('GET', '/notes/user')).json(), { username }, 'nor by a change')
    })
  }

  test.serial('a sign-in at Django over ours of the same id takes over nothing, and ends ours', async (t) => {
    const { django, user, username, visit, accountData } = await both(t)
    const { there, here } = visit()
    await here.json('POST', '/notes/sign-in', { username })
    await here.json('POST', '/notes', { name: 'tea' })
    await there.at(django, 'write', { values: { ours: 1 } })
    await there.at(django, 'signIn', user)
    const read = await there.at(django, 'read')
    t.deepEqual([read.user, read.data['ours']], [user.username, undefined])
    t.is((await here.json('GET', '/notes/user')).status, 401)
    t.deepEqual((await here.json('GET', '/notes')).json(), {})
    t.regex(await accountData(), /"tea":1/)
  })

  test.serial('same users: a sign-in at Django counts here, with the account of the same id', async (t) => {
    const { django, user, username, signedInThere, visit, accountData } = await both(t, SAME)
    const { there, here } = await signedInThere()
    t.deepEqual((await here.json('GET', '/notes/user')).json(), { username })
    await here.json('POST', '/notes', { name: 'tea', count: 2 })
    t.regex(await accountData(), /"tea":2/)
    t.is((await there.at(django, 'read')).data['notes'], undefined, 'the account has them')
    t.deepEqual((await (await signedInThere()).here.json('GET', '/notes')).json(), { tea: 2 }, 'another device')

    const guest = visit()
    await guest.here.json('POST', '/notes', { name: 'milk', count: 1 })
    await guest.there.at(django, 'signIn', user)
    t.deepEqual((await guest.here.json('GET', '/notes')).json(), { tea: 2, milk: 1 }, 'merged as at a sign-in here')

    t.is((await here.json('POST', '/notes/sign-out')).status, 200)
    t.is((await there.at(django, 'read')).user, null)
    t.is((await here.json('GET', '/notes/user')).status, 401)
  })

  test.serial('same users: a sign-in here over that of Django keeps the session, and both sign-ins', async (t) => {
    const { django, user, username, signedInThere } = await both(t, SAME)
    const { there, here } = await signedInThere()
    await there.at(django, 'write', { values: { theirs: 1 } })
    await here.json('POST', '/notes', { name: 'tea', count: 2 })
    const copy = await there.copy()
    await here.json('POST', '/notes/sign-in', { username })
    t.deepEqual(await copy.read(django), {}, 'a new key')
    const read = await there.at(django, 'read')
    t.is(read.user, user.username)
    t.like(read.data, { theirs: 1, _auth_user_backend: BACKEND })
    t.deepEqual((await here.json('GET', '/notes')).json(), { tea: 2 })
    t.deepEqual((await here.json('GET', '/notes/user')).json(), { username })
  })

  test.serial('same users: Django’s table must confirm the sign-in', async (t) => {
    const { django, user, signedInThere, knex } = await both(t, SAME)
    t.teardown(() => knex('auth_user').update({ is_active: true }))
    const statusOf = async (here: TestBrowser) => (await here.json('GET', '/notes/user')).status
    const before = await signedInThere()
    t.is(await statusOf(before.here), 200)
    await new Visitor().at(django, 'changePassword', { ...user, password: 'another one entirely' })
    t.is(await statusOf(before.here), 401, 'a new password')
    user.password = 'another one entirely'
    const after = await signedInThere()
    t.is(await statusOf(after.here), 200)
    await knex('auth_user').update({ is_active: false })
    t.is(await statusOf(after.here), 401, 'inactive')
  })

  test.serial('same users: without Django’s table the application does not start', async (t) => {
    const error = await t.throwsAsync(startApp({ SESSION_FORMAT: 'django', ...SAME }), { instanceOf: ConfigError })
    t.regex(error?.message ?? '', /^DJANGO_USERS=same needs Django's table auth_user in DATABASE_URL: [^\n]*\.$/)
  })

  const PYTHON = '{"ratio":NaN,"big":12345678901234567890,"theirs":{"all":[Infinity,1.0],"n":1}}'

  test.serial('changes here of a session with NaN that overlap others, here and at Django, lose nothing', async (t) => {
    const { django, visit, storedJson } = await both(t)
    const { there, here } = visit()
    await there.at(django, 'writePython', { text: PYTHON })
    await Promise.all(Array.from({ length: 10 }, () => here.json('POST', '/plain/increment')))
    t.is(await storedJson(), '{"ratio":NaN,"big":12345678901234567890,"theirs":{"all":[Infinity,1.0],"n":1},"n":10}')

    const [loaded, saved] = [deferred(), deferred()]
    meanwhile = async () => {
      loaded.resolve()
      await saved.promise
    }
    const ours = here.json('POST', '/plain/increment')
    await loaded.promise
    meanwhile = async () => {}
    await there.at(django, 'writePython', { text: '{"ratio":-Infinity,"big":98765432109876543210,"more":[NaN,1e400]}' })
    saved.resolve()
    t.is((await ours).status, 200)
    t.is(
      await storedJson(),
      '{"ratio":-Infinity,"big":98765432109876543210,"theirs":{"all":[Infinity,1.0],"n":1},"n":11,"more":[NaN,Infinity]}',
    )
  })

  test.serial('a session of Django’s that is larger than the limit here is changed, and keeps its text', async (t) => {
    const { django, visit, storedJson } = await both(t)
    const { there, here } = visit()
    const long = 'x'.repeat(100_000)
    await there.at(django, 'writePython', { text: `{"ratio":NaN,"long":"${long}"}` })
    t.is((await here.json('POST', '/plain/increment')).status, 200)
    t.is(await storedJson(), `{"ratio":NaN,"long":"${long}","n":1}`)
  })

  test.serial('a value with NaN that both change at once is refused here, and is as Django wrote it', async (t) => {
    const { django, visit, storedJson } = await both(t)
    const { there, here } = visit()
    await there.at(django, 'writePython', { text: '{"theirs":{"n":1}}' })
    const [loaded, saved] = [deferred(), deferred()]
    meanwhile = async () => {
      loaded.resolve()
      await saved.promise
    }
    const ours = here.json('POST', '/plain/nested')
    await loaded.promise
    meanwhile = async () => {}
    await there.at(django, 'writePython', { text: '{"theirs":{"all":[NaN],"n":5}}' })
    saved.resolve()
    const { status, text } = await ours
    t.is(status, 409, text)
    t.is(await storedJson(), '{"theirs":{"all":[NaN],"n":5}}')
    t.is((await here.json('POST', '/plain/nested')).status, 409, 'alone, too')
  })
}
