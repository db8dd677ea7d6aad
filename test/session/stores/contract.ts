import test from 'ava'
import { KeyTakenError, StoreUnavailableError } from '../../../src/session/core/errors.ts'
import type { SessionRecord, SessionStore } from '../../../src/session/stores/store.ts'
import { type Bench, DAY, HOUR, type Register, record, START, type Traits } from './bench.ts'
import { abilityContract } from './contract-abilities.ts'

/** What every store promises. `open` gives a fresh, empty one on the given clock. */
export function storeContract(name: string, traits: Traits, open: (now: () => number) => Promise<Bench>): void {
  const on: Register = (title, body) =>
    // One after the other: the tests of a store may share its storage, which `open` empties.
    test.serial(`${name}: ${title}`, async (t) => {
      const clock = { now: START }
      const bench = await open(() => clock.now)
      try {
        await body(t, bench, clock)
      } finally {
        await bench.close()
      }
    })

  on('a record is read as it was created', async (t, { store }) => {
    const version = await store.create('a', record({ data: 'first' }))
    const loaded = await store.load('a')
    t.is(loaded?.data, 'first')
    t.is(loaded?.version, version)
    t.is(loaded?.expires, START + HOUR)
    t.is(loaded?.userId, traits.keepsMetadata ? '7' : null)
    t.is(loaded?.ipAddress, traits.keepsMetadata ? '192.0.2.1' : null)
    t.is(loaded?.createdAt, traits.keepsMetadata ? START : 0)
    t.is(await store.load('b'), undefined)
  })

  on('a key that is taken throws KeyTakenError, and an expired record never comes back', async (t, bench, clock) => {
    const { store } = bench
    await store.create('a', record({ data: 'first' }))
    await t.throwsAsync(store.create('a', record({ data: 'second' })), { instanceOf: KeyTakenError })
    t.is((await store.load('a'))?.data, 'first')
    clock.now = START + 2 * HOUR
    // A table still has the row; a cache may have forgotten it.
    const again = store.create('a', record({ data: 'third', expires: clock.now + HOUR }))
    const data = await again.then(
      () => 'third',
      (error: unknown) => (error instanceof KeyTakenError ? undefined : String(error)),
    )
    t.is((await store.load('a'))?.data, data)
  })

  on('a save over the version that was read writes data and metadata together', async (t, { store }) => {
    const version = await store.create('a', record({ data: 'first' }))
    const saved = await store.save(
      'a',
      version,
      record({ data: 'second', expires: START + 2 * HOUR, userId: '8', lastActivity: START + 5 }),
    )
    t.is(saved.outcome, 'saved')
    const loaded = await store.load('a')
    t.is(loaded?.data, 'second')
    t.is(loaded?.expires, START + 2 * HOUR)
    t.is(loaded?.version, saved.outcome === 'saved' ? saved.version : undefined)
    t.is(loaded?.userId, traits.keepsMetadata ? '8' : null)
    t.is(loaded?.createdAt, traits.keepsMetadata ? START : 0)
    t.is(loaded?.lastActivity, traits.keepsMetadata ? START + 5 : 0)
  })

  on('null and the longest metadata are read back as they were', async (t, { store }) => {
    const nobody = { userId: null, sessionId: null, ipAddress: null, userAgent: null }
    t.like(await loadNew(store, record(nobody), 'nobody'), nobody)
    const widest = {
      sessionId: 'i'.repeat(64),
      userId: 'u'.repeat(64),
      ipAddress: 'f'.repeat(45),
      userAgent: 'ü💥'.repeat(128),
    }
    t.like(await loadNew(store, record(widest), 'widest'), traits.keepsMetadata ? widest : nobody)
  })

  on('the public id is read back and is kept by a save and a touch', async (t, { store }) => {
    const version = await store.create('a', record({ sessionId: 'Public-id_1' }))
    const kept = traits.keepsMetadata ? 'Public-id_1' : null
    t.is((await store.load('a'))?.sessionId, kept)
    const saved = await store.save('a', version, record({ sessionId: 'Public-id_1', data: 'second' }))
    if (saved.outcome !== 'saved') return t.fail()
    t.is(await store.touch('a', saved.version, { expires: START + DAY, lastActivity: START }), 'done')
    t.is((await store.load('a'))?.sessionId, kept)
    t.is((await loadNew(store, record({ sessionId: null }), 'older'))?.sessionId, null)
  })

  on('a save or touch that changes nothing is done as well', async (t, { store }) => {
    const version = await store.create('a', record({}))
    const times = { expires: START + HOUR, lastActivity: START }
    t.is(await store.touch('a', version, times), 'done')
    t.is(await store.touch('a', version, times), 'done')
    t.is((await store.save('a', version, record({}))).outcome, 'saved')
  })

  on('a save over a stale version is a conflict and writes nothing', async (t, { store }) => {
    const stale = await store.create('a', record({ data: 'first' }))
    await store.save('a', stale, record({ data: 'second' }))
    t.deepEqual(await store.save('a', stale, record({ data: 'third' })), { outcome: 'conflict' })
    t.is((await store.load('a'))?.data, 'second')
  })

  on('a save of a deleted or unknown record is missing and writes nothing', async (t, { store }) => {
    const version = await store.create('a', record({ data: 'first' }))
    t.is(await store.delete('a'), 'done')
    t.deepEqual(await store.save('a', version, record({ data: 'second' })), { outcome: 'missing' })
    t.deepEqual(await store.save('never', version, record({})), { outcome: 'missing' })
    t.is(await store.load('a'), undefined)
    t.is(await store.load('never'), undefined)
  })

  on('at exactly its expiry a record is missing for every method', async (t, { store }, clock) => {
    const version = await store.create('a', record({ data: 'first' }))
    clock.now = START + HOUR - 1
    t.is((await store.load('a'))?.data, 'first')
    clock.now = START + HOUR
    t.is(await store.load('a'), undefined)
    t.deepEqual(await store.save('a', version, record({ data: 'second', expires: clock.now + HOUR })), {
      outcome: 'missing',
    })
    t.is(await store.touch('a', version, { expires: clock.now + HOUR, lastActivity: clock.now }), 'missing')
    t.is(await store.delete('a', version), 'missing')
    t.is(await store.load('a'), undefined)
  })

  on('a touch moves the expiry of a live record as it was read, and nothing else', async (t, { store }) => {
    const version = await store.create('a', record({ data: 'first' }))
    // A whole record in place of the two times: only the times may arrive.
    const times = record({ data: 'stray', userId: '9', expires: START + 3 * HOUR, lastActivity: START + 9 })
    t.is(await store.touch('a', version, times), 'done')
    const loaded = await store.load('a')
    t.is(loaded?.expires, START + 3 * HOUR)
    t.is(loaded?.lastActivity, traits.keepsMetadata ? START + 9 : 0)
    t.is(loaded?.data, 'first')
    t.is(loaded?.userId, traits.keepsMetadata ? '7' : null)
    t.is(loaded?.version, version)
    await store.save('a', version, record({ data: 'second', expires: START + 2 * HOUR }))
    t.is(await store.touch('a', version, { expires: START + 9 * HOUR, lastActivity: START }), 'conflict')
    t.is((await store.load('a'))?.expires, START + 2 * HOUR)
    t.is(await store.touch('never', version, { expires: START + HOUR, lastActivity: START }), 'missing')
  })

  on('a delete of a missing key is harmless, and with a version it keeps newer versions', async (t, { store }) => {
    const version = await store.create('a', record({ data: 'first' }))
    t.is(await store.delete('never'), 'missing')
    const saved = await store.save('a', version, record({ data: 'second' }))
    t.is(await store.delete('a', version), 'conflict')
    t.is((await store.load('a'))?.data, 'second')
    t.is(await store.delete('a', saved.outcome === 'saved' ? saved.version : ''), 'done')
    t.is(await store.delete('a'), 'missing')
  })

  on('storage that does not answer is unavailable, never missing', async (t, { store, breakIt }) => {
    const version = await store.create('a', record({}))
    await breakIt()
    const verbs = [
      () => store.load('a'),
      () => store.create('b', record({})),
      () => store.save('a', version, record({ data: 'x' })),
      () => store.touch('a', version, { expires: START + HOUR, lastActivity: START }),
      () => store.delete('a'),
      () => store.delete('a', version),
    ]
    for (const verb of verbs) await t.throwsAsync(verb(), { instanceOf: StoreUnavailableError })
  })

  on('8 writers x 50 increments: none is lost', async (t, { store, another }) => {
    await store.create('a', record({ data: '0' }))
    const increment = async (mine: SessionStore) => {
      for (;;) {
        const read = await mine.load('a')
        if (read === undefined) throw new Error('the record is gone')
        const { outcome } = await mine.save('a', read.version, record({ data: String(Number(read.data) + 1) }))
        if (outcome === 'saved') return
        if (outcome === 'missing') throw new Error('a live record was reported as missing')
      }
    }
    const writers = await Promise.all(Array.from({ length: 8 }, another))
    await Promise.all(
      writers.map(async (writer) => {
        for (let n = 0; n < 50; n++) await increment(writer)
      }),
    )
    t.is((await store.load('a'))?.data, '400')
  })

  on('200 races of a save with a logout: none brings the record back', async (t, { store, another }) => {
    const [saver, ender] = [await another(), await another()]
    for (let n = 0; n < 200; n++) {
      const key = `race${n}`
      const version = await store.create(key, record({}))
      const race = [() => saver.save(key, version, record({ data: 'late' })), () => ender.delete(key)]
      const outcomes = await Promise.all<unknown>((n % 2 === 0 ? race : race.reverse()).map((run) => run()))
      t.true(outcomes.includes('done'), `race ${n}`)
      t.is(await store.load(key), undefined, `race ${n}`)
      t.deepEqual(await saver.save(key, version, record({ data: 'later' })), { outcome: 'missing' })
    }
  })

  on('of two concurrent deletes of one version only one succeeds', async (t, { store, another }) => {
    const enders = await Promise.all(Array.from({ length: 6 }, another))
    const version = await store.create('a', record({}))
    const outcomes = await Promise.all(enders.map((ender) => ender.delete('a', version)))
    t.is(outcomes.filter((outcome) => outcome === 'done').length, 1)
  })

  on('hostile keys find nothing and do no harm', async (t, { store }) => {
    const version = await store.create('victim', record({ data: 'mine' }))
    const hostile = [
      "' OR 1=1--",
      '"; DROP TABLE sessions;',
      '../../etc/passwd',
      '\0',
      'a\r\nset x 0 0 1',
      '*',
      '%',
      '_',
      'ü💥',
      '\ud800',
      '',
      ' ',
      'victim ',
      'VICTIM',
      'x'.repeat(10_000),
    ]
    for (const key of hostile) {
      t.is(await store.load(key), undefined, JSON.stringify(key))
      t.is((await store.save(key, version, record({}))).outcome, 'missing')
      t.is(await store.touch(key, version, { expires: START + HOUR, lastActivity: START }), 'missing')
      t.is(await store.delete(key), 'missing')
      t.is(await store.delete(key, version), 'missing')
    }
    // No codec makes such a key; a store may keep it apart or refuse it, but the storage is not to blame.
    for (const key of hostile) await store.create(key, record({})).catch((error) => t.true(error instanceof RangeError))
    t.is((await store.load('victim'))?.data, 'mine')
  })

  on('64 KiB, quotes, emoji and __proto__ are read back byte for byte', async (t, { store }) => {
    const texts = ['x'.repeat(65_536), `{"__proto__":{"isAdmin":true}}`, `'";--\\ \u0001\u001f\t\r\n 'ü' 💥 \u2028`, '']
    for (const [index, data] of texts.entries()) {
      const key = `text${index}`
      const version = await store.create(key, record({ data }))
      t.is((await store.load(key))?.data, data)
      t.is((await store.save(key, version, record({ data: `${data}!` }))).outcome, 'saved')
      t.is((await store.load(key))?.data, `${data}!`)
    }
    t.is(({} as Record<string, unknown>)['isAdmin'], undefined)
  })

  on('versions are case-sensitive', async (t, { store }) => {
    const version = await store.create('a', record({ data: 'AbC' }))
    await store.save('a', version, record({ data: 'aBc' }))
    t.deepEqual(await store.save('a', version, record({ data: 'x' })), { outcome: 'conflict' })
  })

  abilityContract(on, traits)
}

async function loadNew(store: SessionStore, content: SessionRecord, key: string) {
  await store.create(key, content)
  return await store.load(key)
}
