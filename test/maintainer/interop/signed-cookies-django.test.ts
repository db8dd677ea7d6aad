import test from 'ava'
import { djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { Visitor } from '../../support/django/visitor.ts'
import { serviceUrl } from '../../support/services.ts'
import { sharedSuite } from './shared-suite.ts'

const python = serviceUrl('djangoPython')

if (python !== undefined) {
  const bench = sharedSuite(test, python, {
    settings: () => ({ SESSION_ENGINE: 'django.contrib.sessions.backends.signed_cookies' }),
    engine: ({ secrets, expiry, now }) =>
      new CookieEngine({
        codec: djangoCookieCodec({ secrets, now }),
        expiry,
        maxSize: 4096,
        revocations: new MemoryRevocations({ now }),
        now,
      }),
    keepsRecords: false,
    djangoEndsBySeconds: false,
    oldDjangoFailsToReadDates: false,
  })

  test.serial(
    'a sign-out here ends a copy of the cookie here, whoever signed in; Django goes on taking it',
    async (t) => {
      const { django, ours, newUser } = bench()
      const here = await ours(t)
      const user = newUser()
      await new Visitor().at(django, 'register', user)
      for (const site of [django, here]) {
        const visitor = new Visitor()
        await visitor.at(site, 'signIn', user)
        const copy = await visitor.copy()
        t.is((await copy.at(here, 'read')).user, user.username)
        await visitor.at(here, 'signOut')
        t.is((await copy.at(here, 'read')).user, null)
        t.is((await copy.at(django, 'read')).user, user.username)
      }
    },
  )

  test.serial('values stored beside the data do not affect Django', async (t) => {
    const { django, ours, newUser } = bench()
    const here = await ours(t)
    const user = newUser()
    const visitor = new Visitor()
    await visitor.at(django, 'register', user)
    await visitor.at(here, 'signIn', user)
    const copy = await visitor.copy()
    await visitor.at(django, 'increment', { name: 'n' })
    await visitor.at(django, 'cycle')
    t.like(await visitor.at(here, 'read'), { user: user.username })
    // The id that we gave the session has come through, so the first copy ends with it.
    await visitor.at(here, 'signOut')
    t.is((await copy.at(here, 'read')).user, null)
  })
}
