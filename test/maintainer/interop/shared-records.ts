import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestFn } from 'ava'
import { Visitor } from '../../support/django/visitor.ts'
import { EXPIRY } from '../../support/engine.ts'
import type { Bench } from './shared-bench.ts'

/** What holds where a record is kept for each session: two requests at once, and the end of it all. */
export function recordsSuite(test: TestFn, bench: () => Bench): void {
  test.serial('what Django saves between load and save here is not lost', async (t) => {
    const { django, ours } = bench()
    const here = await ours(t)
    const visitor = new Visitor()
    await visitor.at(django, 'write', { values: { theirs: 'old', n: 1 } })
    const slow = await visitor.attempt(here, 'increment', { name: 'n' }, async () => {
      await visitor.at(django, 'write', { values: { theirs: 'new' } })
      await visitor.at(django, 'increment', { name: 'n' })
    })
    t.is(slow.status, 200)
    t.deepEqual(await visitor.read(django), { theirs: 'new', n: 3 })
  })

  test.serial(
    'what we save between the load and the save of Django is lost: it writes all that it has loaded',
    async (t) => {
      const { django, ours } = bench()
      const here = await ours(t)
      const visitor = new Visitor()
      await visitor.at(here, 'write', { values: { ours: 'old', n: 1 } })
      const slow = await visitor.attempt(django, 'increment', { name: 'n' }, () =>
        visitor.at(here, 'write', { values: { ours: 'new' } }),
      )
      t.is(slow.status, 200)
      t.deepEqual(await visitor.read(here), { ours: 'old', n: 2 })
    },
  )

  test.serial('pickled sessions of Django are not read here, and not changed', async (t) => {
    const { ours, anotherDjango } = bench()
    const here = await ours(t)
    const pickling = await anotherDjango(t, {
      SESSION_SERIALIZER: 'django.contrib.sessions.serializers.PickleSerializer',
    })
    const visitor = new Visitor()
    const { status } = await visitor.attempt(pickling, 'write', { values: { n: 1 } })
    // Django has had no such serializer since 5.0.
    t.is(status, pickling.since(5, 0) ? 500 : 200)
    t.deepEqual(await visitor.read(here), {})
    t.deepEqual((await visitor.attempt(pickling, 'read')).data, pickling.since(5, 0) ? {} : { n: 1 })
  })

  test.serial('a session that Django ends while it is loaded here stays ended', async (t) => {
    const { django, ours } = bench()
    const here = await ours(t)
    const visitor = new Visitor()
    await visitor.at(here, 'write', { values: { n: 1 } })
    const copy = await visitor.copy()
    const slow = await copy.attempt(here, 'increment', { name: 'n' }, () => visitor.at(django, 'flush'))
    t.is(slow.status, 409)
    t.deepEqual(await copy.read(django), {})
    t.deepEqual(await copy.read(here), {})
  })

  test.serial('a session that is ended here while Django has it loaded stays ended', async (t) => {
    const { django, ours } = bench()
    const here = await ours(t)
    const visitor = new Visitor()
    await visitor.at(django, 'write', { values: { n: 1 } })
    const copy = await visitor.copy()
    const slow = await copy.attempt(django, 'increment', { name: 'n' }, () => visitor.at(here, 'flush'))
    t.is(slow.status, 400)
    t.deepEqual(await copy.read(here), {})
    t.deepEqual(await copy.read(django), {})
  })

  test.serial('a sign-in by Django while the session is loaded here leaves nothing under the old key', async (t) => {
    const { django, ours, newUser } = bench()
    const here = await ours(t)
    const user = newUser()
    const visitor = new Visitor()
    await visitor.at(django, 'register', user)
    await visitor.at(here, 'write', { values: { n: 1 } })
    const slow = await visitor.copy()
    const { status } = await slow.attempt(here, 'increment', { name: 'n' }, () => visitor.at(django, 'signIn', user))
    t.is(status, 409)
    t.deepEqual(await slow.read(django), {})
    t.like(await visitor.at(here, 'read'), { user: user.username })
    t.is((await visitor.read(django))['n'], 1)
  })

  test.serial("Django's clearsessions deletes expired sessions that were created here, and no others", async (t) => {
    const { django, ours, knex, folder } = bench()
    // What other tests have left under other secrets, Django before 4.1 may fail on.
    await knex('django_session').delete()
    for (const name of await readdir(join(folder, 'sessions')).catch(() => [])) {
      if (name.startsWith('sessionid')) await rm(join(folder, 'sessions', name))
    }
    const here = await ours(t)
    const live = new Visitor()
    await live.at(here, 'write', { values: { n: 1 } })
    const early = await ours(t, { clock: () => Date.now() - (EXPIRY.cookieAge + 60) * 1000 })
    const over = new Visitor()
    await over.at(early, 'write', { values: { n: 1 } })
    t.deepEqual(await over.read(early), { n: 1 })
    await new Visitor().at(django, 'clearExpired')
    t.deepEqual(await over.read(early), {})
    t.deepEqual(await live.read(here), { n: 1 })
  })
}
