import test from 'ava'
import type { Secrets } from '../../../src/session/codec/secrets.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { HybridEngine } from '../../../src/session/engines/hybrid/hybrid.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { codecOptions, sealed } from '../../support/formats.ts'
import { begun, read } from '../../support/requests.ts'
import { noise } from './hybrid-site.ts'

const OLD = 'old-secret-of-forty-characters-0123456789'
const NEW = 'new-secret-of-forty-characters-0123456789'

test('activity that brings a large session under a new secret keeps its sign-in', async (t) => {
  const clock = { now: START }
  const now = () => clock.now
  const [store, revocations] = [new MemoryStore({ now }), new MemoryRevocations({ now })]
  const site = (secrets: Secrets) => {
    const options = { ...codecOptions('sid', now), secrets }
    const stored = new StoredEngine({ store, codec: sealed.codec(options), expiry: EXPIRY, now })
    const codec = sealed.cookieCodec(options)
    const engine = new HybridEngine({ codec, stored, revocations, expiry: EXPIRY, limit: 300, now })
    return { engine, expiry: EXPIRY, now, observe: () => undefined }
  }
  const cookie = await begun(site([OLD]), { [USER_KEY]: '7', large: noise(700) })
  clock.now += 1000
  const { engine } = site([NEW, OLD])
  const opened = await engine.open(cookie)
  if (!opened.live) return t.fail()
  t.truthy(await engine.touch(opened.loaded))
  const after = await site([NEW]).engine.open(cookie)
  if (!after.live) return t.fail()
  t.is(after.loaded.id, opened.loaded.id)
  await site([NEW]).engine.endUser('7')
  t.is(await read(site([NEW]), cookie), undefined)
})
