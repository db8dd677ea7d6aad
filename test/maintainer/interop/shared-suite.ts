import type { TestFn } from 'ava'
import { type Site, Visitor } from '../../support/django/visitor.ts'
import { EXPIRY } from '../../support/engine.ts'
import { type Backend, type Bench, useBench } from './shared-bench.ts'
import { expirySuite } from './shared-expiry.ts'
import { usersSuite } from './shared-users.ts'

const VALUES = {
  text: 'Grüße aus Łódź, 東京 and 🦊',
  markup: '</script>"\'\\\u0000\u001f\u007f\u2028',
  numbers: [0, -1, 1.5, 1e21, 9_007_199_254_740_991],
  nothing: null,
  yes: true,
  no: false,
  empty: { list: [], dictionary: {}, text: '' },
  constructor: { nested: { deeply: [[{ a: [1] }]] } },
  '': 'an empty name',
  'ключ 🔑': 'a name beyond ASCII',
}

export const LONG = 'All work and no play makes Jack a dull boy. '.repeat(400)

/** Both ways round: who writes first, and who comes after. */
export async function bothWays(
  { django, ours }: Pick<Bench, 'django'> & { ours: Site },
  check: (writer: Site, reader: Site) => Promise<void>,
): Promise<void> {
  await check(django, ours)
  await check(ours, django)
}

/** What holds for a session that Django and Holdfast share, whatever keeps it. */
export function sharedSuite(test: TestFn, python: string, backend: Backend): () => Bench {
  const bench = useBench(test, python, backend)

  test.serial('sessions written on one side are read by the other', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer, reader) => {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: VALUES })
      t.deepEqual(await visitor.read(reader), VALUES, `${reader.name} reads`)
      t.deepEqual(await visitor.read(writer), VALUES, `${writer.name} still reads`)
    })
  })

  test.serial('changes on one side, nested ones too, are read by the other', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer, changer) => {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: { basket: { items: ['tea'] }, name: 'Zoë' } })
      await visitor.at(changer, 'append', { name: 'basket', item: 'кофе' })
      await visitor.at(changer, 'increment', { name: 'visits' })
      await visitor.at(writer, 'increment', { name: 'visits' })
      await visitor.at(writer, 'append', { name: 'basket', item: '茶' })
      const expected = { basket: { items: ['tea', 'кофе', '茶'] }, name: 'Zoë', visits: 2 }
      t.deepEqual(await visitor.read(changer), expected)
      t.deepEqual(await visitor.read(writer), expected)
    })
  })

  test.serial('data long enough to be compressed', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer, reader) => {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: { novel: LONG } })
      await visitor.at(reader, 'increment', { name: 'pages' })
      t.deepEqual(await visitor.read(writer), { novel: LONG, pages: 1 })
    })
  })

  test.serial('the test cookie of one side is found and removed by the other', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer, reader) => {
      const visitor = new Visitor()
      t.false((await visitor.at(reader, 'read')).cookiesWork)
      await visitor.at(writer, 'marker', { step: 'set' })
      t.true((await visitor.at(reader, 'read')).cookiesWork)
      await visitor.at(reader, 'marker', { step: 'delete' })
      t.false((await visitor.at(writer, 'read')).cookiesWork)
    })
  })

  test.serial('after a flush on one side the visitor is anonymous on the other', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer, ender) => {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: { n: 1 } })
      const before = await visitor.copy()
      await visitor.at(ender, 'flush')
      t.is(await visitor.cookie(writer), undefined)
      t.deepEqual(await visitor.read(writer), {})
      // A copy of a cookie that is the session itself works until its age is over.
      t.deepEqual(await before.read(writer), backend.keepsRecords ? {} : { n: 1 })
      t.deepEqual(await before.read(ender), backend.keepsRecords ? {} : { n: 1 })
    })
  })

  test.serial('after a change of key on one side, the other accepts only the new key', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer, cycler) => {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: { n: 1 } })
      const before = await visitor.copy()
      await visitor.at(cycler, 'cycle')
      t.deepEqual(await visitor.read(writer), { n: 1 })
      t.deepEqual(await before.read(writer), backend.keepsRecords ? {} : { n: 1 })
    })
  })

  test.serial('the cookies of both sides have the same lifetime', async (t) => {
    const ours = await bench().ours(t)
    await bothWays({ ...bench(), ours }, async (writer) => {
      const visitor = new Visitor()
      await visitor.at(writer, 'write', { values: { n: 1 } })
      const cookie = await visitor.cookie(writer)
      t.is(cookie?.maxAge, EXPIRY.cookieAge)
      t.like(cookie, { path: '/', httpOnly: true, secure: false, sameSite: 'lax' })
    })
  })

  expirySuite(test, bench, backend)
  usersSuite(test, bench)
  return bench
}
