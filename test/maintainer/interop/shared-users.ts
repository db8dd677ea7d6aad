import type { TestFn } from 'ava'
import { Visitor } from '../../support/django/visitor.ts'
import { type Bench, NEW_SECRET, SECRET } from './shared-bench.ts'

/** Whom one side has signed in, the other knows, as long as the password and the secret are the same. */
export function usersSuite(test: TestFn, bench: () => Bench): void {
  test.serial('a user signed in by Django is signed in here, with earlier data of the visitor', async (t) => {
    const { django, ours, newUser } = bench()
    const here = await ours(t)
    const user = newUser()
    const visitor = new Visitor()
    await visitor.at(django, 'register', user)
    await visitor.at(here, 'write', { values: { basket: ['tea'] } })
    t.is((await visitor.at(here, 'read')).user, null)
    const before = (await visitor.cookie(here))?.value
    await visitor.at(django, 'signIn', user)
    t.not((await visitor.cookie(here))?.value, before)
    const read = await visitor.at(here, 'read')
    t.is(read.user, user.username)
    t.deepEqual(read.data['basket'], ['tea'])
    t.is(read.data['_auth_user_backend'], 'django.contrib.auth.backends.ModelBackend')
  })

  test.serial('a user signed in here is signed in in Django', async (t) => {
    const { django, ours, newUser } = bench()
    const here = await ours(t)
    const user = newUser()
    const visitor = new Visitor()
    await visitor.at(django, 'register', user)
    await visitor.at(django, 'write', { values: { basket: ['tea'] } })
    await visitor.at(here, 'signIn', user)
    const read = await visitor.at(django, 'read')
    t.is(read.user, user.username)
    t.deepEqual(read.data['basket'], ['tea'])
  })

  test.serial('a sign-out on either side signs out on both', async (t) => {
    const { django, ours, newUser } = bench()
    const here = await ours(t)
    const user = newUser()
    await new Visitor().at(django, 'register', user)
    for (const [first, second] of [
      [django, here],
      [here, django],
    ] as const) {
      const visitor = new Visitor()
      await visitor.at(first, 'signIn', user)
      t.is((await visitor.at(second, 'read')).user, user.username)
      await visitor.at(second, 'signOut')
      t.deepEqual(await visitor.at(first, 'read'), { data: {}, user: null, cookiesWork: false })
    }
  })

  test.serial('a new password in Django ends all sessions of the old one, created by either side', async (t) => {
    const { django, ours, newUser } = bench()
    const here = await ours(t)
    for (const [opener, asked] of [
      [django, here],
      [here, django],
    ] as const) {
      const user = newUser()
      const visitor = new Visitor()
      await visitor.at(django, 'register', user)
      await visitor.at(opener, 'signIn', user)
      t.is((await visitor.at(asked, 'read')).user, user.username)
      await new Visitor().at(django, 'changePassword', { ...user, password: 'another one entirely' })
      t.deepEqual(await visitor.at(asked, 'read'), { data: {}, user: null, cookiesWork: false })
      t.deepEqual(await visitor.read(opener), {})
    }
  })

  test.serial('a user who is no longer active is not signed in here', async (t) => {
    const { django, ours, newUser, knex } = bench()
    const here = await ours(t)
    const user = newUser()
    const visitor = new Visitor()
    await visitor.at(django, 'register', user)
    await visitor.at(django, 'signIn', user)
    t.is((await visitor.at(here, 'read')).user, user.username)
    await knex('auth_user').where({ username: user.username }).update({ is_active: false })
    t.is((await visitor.at(here, 'read')).user, null)
  })

  test.serial('a session signed with a secret that the other side does not have is empty there', async (t) => {
    const { django, ours } = bench()
    const stranger = await ours(t, { secrets: [NEW_SECRET] })
    for (const [writer, reader] of [
      [django, stranger],
      [stranger, django],
    ] as const) {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: { n: 1 } })
      t.deepEqual(await visitor.read(reader), {})
    }
  })

  test.serial(
    'a new secret, one side after the other: sessions whose secret both sides have can be read at each step',
    async (t) => {
      const { django, ours, anotherDjango } = bench()
      const rotated = await anotherDjango(t, { SECRET_KEY: NEW_SECRET, SECRET_KEY_FALLBACKS: [SECRET] })

      // First we get to know the new one, and go on signing with the one that Django knows.
      const cautious = await ours(t, { secrets: [SECRET, NEW_SECRET] })
      const early = new Visitor()
      await early.at(django, 'write', { values: { n: 1 } })
      await early.at(cautious, 'increment', { name: 'n' })
      t.deepEqual(await early.read(django), { n: 2 })

      // Then Django changes over. Before 4.1 it has no fallbacks, and reads nothing that was signed before.
      t.deepEqual(await early.read(rotated), rotated.since(4, 1) ? { n: 2 } : {})
      const late = new Visitor()
      await late.at(rotated, 'write', { values: { n: 10 } })
      t.deepEqual(await late.read(cautious), { n: 10 })

      // So does this side: its next change signs the session again.
      const done = await ours(t, { secrets: [NEW_SECRET, SECRET] })
      const between = new Visitor()
      await between.at(cautious, 'write', { values: { n: 5 } })
      await between.at(done, 'increment', { name: 'n' })
      t.deepEqual(await between.read(rotated), { n: 6 })
    },
  )

  test.serial('a sign-in from before the new secret holds here, and in Django since 4.1', async (t) => {
    const { django, ours, newUser, anotherDjango } = bench()
    const rotated = await anotherDjango(t, { SECRET_KEY: NEW_SECRET, SECRET_KEY_FALLBACKS: [SECRET] })
    const here = await ours(t, { secrets: [NEW_SECRET, SECRET] })
    const user = newUser()
    const visitor = new Visitor()
    await visitor.at(django, 'register', user)
    await visitor.at(django, 'signIn', user)
    t.is((await visitor.at(here, 'read')).user, user.username)
    await visitor.at(here, 'increment', { name: 'n' })
    t.is((await visitor.at(rotated, 'read')).user, rotated.since(4, 1) ? user.username : null)
  })
}
