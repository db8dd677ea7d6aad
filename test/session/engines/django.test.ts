import test from 'ava'
import { signOut } from '../../../src/session/sign-in.ts'
import django from '../../../src/storage/formats/django.ts'
import { cookieBench } from '../../support/cookie-engine.ts'
import { testEngine } from '../../support/engine.ts'
import { begun, cookieOf, open, read } from '../../support/requests.ts'

test('a sign-in that Django made can be ended, alone or with all others', async (t) => {
  const bench = cookieBench({ format: django })
  const made = async () => {
    bench.clock.now += 1000
    return bench.codec.encode({ _auth_user_id: '7' })
  }
  const [ended, kept] = [await made(), await made()]
  await signOut((await open(bench, ended)).session)
  t.is(await read(bench, ended), undefined)
  const { session, commit } = await open(bench, kept)
  session.set('a', 1)
  const saved = cookieOf(await commit())
  t.deepEqual({ ...(await read(bench, saved)) }, { _auth_user_id: '7', a: 1 })
  await signOut((await open(bench, saved)).session)
  t.is(await read(bench, kept), undefined, 'the logout of a later copy counts for the first one')
  const before = await made()
  bench.clock.now += 1000
  await bench.engine.endUser('7')
  t.is(await read(bench, before), undefined)
  t.not(await read(bench, await made()), undefined, 'who signs in there afterwards is in')
})

test("in Django's format a change of key ends the old one, and the id follows from the key", async (t) => {
  const bench = testEngine({ format: django })
  const cookie = await begun(bench, { _auth_user_id: '7', n: 0 })
  const idOf = async (text: string) => {
    const opened = await bench.engine.open(text)
    return opened.live ? (opened.loaded.id ?? '') : ''
  }
  const id = await idOf(cookie)
  t.regex(id, /^[\w-]{22}$/)
  const next = cookieOf(await (await open(bench, cookie)).commit('cycle'))
  t.is(await read(bench, cookie), undefined)
  t.not(await idOf(next), id)
})
