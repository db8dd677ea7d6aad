import test from 'ava'
import type { Secrets } from '../../../src/session/codec/secrets.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { formats } from '../../../src/storage/index.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { codecOptions } from '../../support/formats.ts'
import { begun, increment, open, read } from '../../support/requests.ts'

const OLD = 'old-secret-of-forty-characters-0123456789'
const NEW = 'new-secret-of-forty-characters-0123456789'
/** The steps of a change of secret. */
const STEPS: readonly Secrets[] = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]]

for (const format of formats) {
  /** The same store, as processes with other secrets open it. */
  function site() {
    const clock = { now: START }
    const now = () => clock.now
    const store = new MemoryStore({ now })
    const at = (secrets: Secrets) => {
      const options = { ...codecOptions('sid', now), secrets }
      const engine = new StoredEngine({ store, codec: format.codec(options), expiry: EXPIRY, now })
      return { engine, expiry: EXPIRY, now, observe: () => undefined }
    }
    return { clock, store, at }
  }

  test(`${format.name}: in neighbouring steps each reads and changes what the other writes`, async (t) => {
    for (const [index, step] of STEPS.slice(0, 3).entries()) {
      const { at } = site()
      const sides = [at(step), at(STEPS[index + 1] ?? step)] as const
      // In the last step nothing that an older secret sealed is left.
      const cookie = await begun(index === 2 ? sides[1] : sides[0])
      for (let n = 1; n <= 6; n++) {
        const { session, commit } = await open(sides[n % 2] ?? sides[0], cookie)
        session.update('n', increment)
        t.is((await commit()).outcome, 'saved')
        for (const side of sides) t.like(await read(side, cookie), { n }, `between step ${index + 1} and the next`)
      }
    }
  })

  test(`${format.name}: activity alone brings a session under the new secret, with its client`, async (t) => {
    const { clock, store, at } = site()
    const before = at([OLD])
    const cookie = await begun(before, { [USER_KEY]: '7', n: 1 })
    const storeKey = before.engine.codec.storeKey(cookie)
    const stored = await store.load(storeKey)
    if (stored === undefined) return t.fail()
    await store.save(storeKey, stored.version, { ...stored, userAgent: 'Firefox', ipAddress: '192.0.2.1' })
    clock.now += 1000
    t.is(await read(at([NEW]), cookie), undefined)
    const opened = await at([NEW, OLD]).engine.open(cookie)
    if (!opened.live) return t.fail()
    const touched = await at([NEW, OLD]).engine.touch(opened.loaded)
    t.is(touched?.loaded.lastActivity, START + 1000)
    t.like(await read(at([NEW]), cookie), { [USER_KEY]: '7', n: 1 })
    t.like(await store.load(storeKey), { userAgent: 'Firefox', ipAddress: '192.0.2.1', userId: '7' })
  })

  test(`${format.name}: a session under an unknown secret stays as it is until it is ended, which any process can`, async (t) => {
    const { store, at } = site()
    const [knows, doesNot] = [at([OLD]), at([NEW])]
    const cookie = await begun(knows, { [USER_KEY]: '7' })
    const storeKey = knows.engine.codec.storeKey(cookie)
    const before = await store.load(storeKey)
    const visit = await open(doesNot, cookie)
    t.false(visit.live)
    t.is(visit.session.userId, null)
    t.deepEqual(await store.load(storeKey), before)
    t.like(await read(knows, cookie), { [USER_KEY]: '7' })
    await visit.session.flush()
    t.is(await read(knows, cookie), undefined)
    const another = await begun(knows, { [USER_KEY]: '7' })
    await doesNot.engine.endUser('7').catch(() => 0)
    if (format.keepsMetadata) t.is(await read(knows, another), undefined)
  })

  test(`${format.name}: a session that was saved with a known secret meanwhile is ended as well`, async (t) => {
    const { at } = site()
    const cookie = await begun(at([OLD]))
    const leaving = await open(at([NEW]), cookie)
    const change = await open(at([NEW, OLD]), cookie)
    change.session.update('n', increment)
    await change.commit()
    await leaving.session.flush()
    t.is(await read(at([NEW, OLD]), cookie), undefined)
  })
}
