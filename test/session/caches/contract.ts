import { randomBytes } from 'node:crypto'
import test from 'ava'
import { type Cache, DAMAGED } from '../../../src/session/caches/cache.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { DAY, HOUR, START } from '../stores/bench.ts'
import { type CacheBench, type CacheTraits, entry, type RegisterCache, text } from './bench.ts'

/** What every cache promises. `open` gives one on the given clock; its storage may hold the entries of other tests. */
export function cacheContract(
  name: string,
  traits: CacheTraits,
  open: (now: () => number) => Promise<CacheBench>,
): void {
  const on: RegisterCache = (title, body) =>
    test.serial(`${name}: ${title}`, async (t) => {
      const clock = { now: START }
      const id = randomBytes(6).toString('hex')
      const bench = await open(() => clock.now)
      try {
        await body(t, { ...bench, clock, key: (part) => `${id}:${part}` })
      } finally {
        await bench.close()
      }
    })

  verbContract(on)
  expiryContract(on)
  byteContract(on)
  raceContract(on)
  troubleContract(on, traits)
  if (traits.users) userContract(on)
  else on('it claims no knowledge of users', async (t, { cache }) => void t.is(cache.users, undefined))
}

function verbContract(on: RegisterCache): void {
  on('an entry is read as it was added, by every client', async (t, { cache, another, key }) => {
    const added = entry({ version: 'first', expires: START + HOUR + 1 })
    t.true(await cache.add(key('a'), added))
    t.deepEqual(await cache.get(key('a')), added)
    t.deepEqual(await (await another()).get(key('a')), added)
    t.is(await cache.get(key('b')), undefined)
    await t.notThrowsAsync(cache.ping())
  })

  on('its servers have an identity that stays, as its connection does', async (t, { cache }) => {
    t.is(await cache.identity(), await cache.identity())
    t.is(cache.connection, cache.connection)
    t.not(cache.connection, undefined)
  })

  on('an add only writes a free key', async (t, { cache, key }) => {
    t.true(await cache.add(key('a'), entry({ body: Buffer.from('first') })))
    t.false(await cache.add(key('a'), entry({ version: 'v2', body: Buffer.from('second') })))
    t.is(text(await cache.get(key('a'))), 'first')
    await cache.delete(key('a'))
    t.true(await cache.add(key('a'), entry({ body: Buffer.from('third') })))
    t.is(text(await cache.get(key('a'))), 'third')
  })

  on('a swap writes only over the version that was read', async (t, { cache, key }) => {
    await cache.add(key('a'), entry())
    const second = entry({ version: 'v2', expires: START + 2 * HOUR, body: Buffer.from('second, and longer') })
    t.is(await cache.swap(key('a'), 'v1', second), 'done')
    t.deepEqual(await cache.get(key('a')), second)
    t.is(await cache.swap(key('a'), 'v1', entry({ version: 'v3' })), 'conflict')
    t.deepEqual(await cache.get(key('a')), second)
  })

  on('a swap of a deleted or unknown entry is missing and writes nothing', async (t, { cache, key }) => {
    await cache.add(key('a'), entry())
    await cache.delete(key('a'))
    t.is(await cache.swap(key('a'), 'v1', entry({ version: 'v2' })), 'missing')
    t.is(await cache.swap(key('never'), 'v1', entry({ version: 'v2' })), 'missing')
    t.is(await cache.get(key('a')), undefined)
    t.is(await cache.get(key('never')), undefined)
  })

  on('a swap to the same version moves the expiry, both ways', async (t, { cache, clock, key }) => {
    await cache.add(key('a'), entry())
    t.is(await cache.swap(key('a'), 'v1', entry({ expires: START + 3 * HOUR })), 'done')
    t.deepEqual(await cache.get(key('a')), entry({ expires: START + 3 * HOUR }))
    t.is(await cache.swap(key('a'), 'v1', entry({ expires: START + 2 * HOUR })), 'done')
    t.is(await cache.swap(key('a'), 'v1', entry({ expires: START + 2 * HOUR })), 'done', 'even where nothing changes')
    clock.now = START + 2 * HOUR
    t.is(await cache.get(key('a')), undefined)
  })

  on(
    'a delete of a missing key is harmless, and with a version it keeps any other version',
    async (t, { cache, key }) => {
      t.is(await cache.delete(key('never')), 'missing')
      t.is(await cache.delete(key('never'), 'v1'), 'missing')
      await cache.add(key('a'), entry({ version: 'v2' }))
      t.is(await cache.delete(key('a'), 'v1'), 'conflict')
      t.is((await cache.get(key('a')))?.version, 'v2')
      t.is(await cache.delete(key('a'), 'v2'), 'done')
      t.is(await cache.delete(key('a'), 'v2'), 'missing')
      await cache.add(key('a'), entry())
      t.is(await cache.delete(key('a')), 'done')
      t.is(await cache.get(key('a')), undefined)
    },
  )

  on('keys and versions may have every character and length that is allowed', async (t, { cache, key }) => {
    const keys = ['a', 'A', 'a.', 'a:', 'a-b_c.D:9', 'k'.repeat(200 - key('').length)].map(key)
    const versions = ['a', 'A', '0', '-_', 'Zz-_0'.padEnd(24, '9'), 'v']
    for (const [index, each] of keys.entries()) {
      t.true(await cache.add(each, entry({ version: versions[index] ?? '', body: Buffer.from(each) })))
    }
    for (const [index, each] of keys.entries()) {
      t.deepEqual(await cache.get(each), entry({ version: versions[index] ?? '', body: Buffer.from(each) }))
    }
    t.is(await cache.swap(key('a'), 'A', entry()), 'conflict', 'upper case is not lower case')
  })
}

function expiryContract(on: RegisterCache): void {
  on('at exactly its expiry an entry is missing for every method', async (t, { cache, clock, key }) => {
    await cache.add(key('a'), entry())
    clock.now = START + HOUR - 1
    t.is(text(await cache.get(key('a'))), 'body')
    clock.now = START + HOUR
    const later = entry({ version: 'v2', expires: START + 2 * HOUR, body: Buffer.from('later') })
    t.is(await cache.get(key('a')), undefined)
    t.is(await cache.swap(key('a'), 'v1', later), 'missing')
    t.is(await cache.swap(key('a'), 'other', later), 'missing')
    t.is(await cache.delete(key('a'), 'v1'), 'missing')
    t.is(await cache.get(key('a')), undefined)
    // The server may still keep the expired entry, and a cache may let that stand in the way of a new one.
    const added = await cache.add(key('a'), later)
    t.is(text(await cache.get(key('a'))), added ? 'later' : undefined)
  })

  on('an expired entry is never read', async (t, { cache, key }) => {
    await cache.add(key('a'), entry({ expires: START }))
    t.is(await cache.get(key('a')), undefined)
    await cache.add(key('b'), entry())
    await cache.swap(key('b'), 'v1', entry({ version: 'v2', expires: START - HOUR }))
    t.is(await cache.get(key('b')), undefined)
  })

  on('ages of 1 ms, 30 days, 40 days and 400 days are kept', async (t, { cache, key }) => {
    for (const age of [1, 30 * DAY, 30 * DAY + 1, 40 * DAY, 400 * DAY]) {
      const aged = entry({ expires: START + age })
      t.true(await cache.add(key(`add${age}`), aged))
      t.deepEqual(await cache.get(key(`add${age}`)), aged, `added for ${age} ms`)
      await cache.add(key(`swap${age}`), entry())
      t.is(await cache.swap(key(`swap${age}`), 'v1', aged), 'done')
      t.deepEqual(await cache.get(key(`swap${age}`)), aged, `swapped for ${age} ms`)
    }
  })
}

function byteContract(on: RegisterCache): void {
  on('bodies are read back byte for byte', async (t, { cache, key }) => {
    const bodies = {
      empty: Buffer.alloc(0),
      everyByte: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      large: randomBytes(65_536),
      protocol: Buffer.from('\r\nEN\r\nVA 3 c1\r\nabc\r\n$-1\r\n*0\r\n\0'),
      notUtf8: Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80]),
    }
    for (const [name, body] of Object.entries(bodies)) {
      t.true(await cache.add(key(name), entry({ body })), name)
      t.deepEqual(await cache.get(key(name)), entry({ body }), name)
      const doubled = entry({ version: 'v2', body: Buffer.concat([body, body]) })
      t.is(await cache.swap(key(name), 'v1', doubled), 'done', name)
      t.deepEqual(await cache.get(key(name)), doubled, name)
    }
  })

  on('the replies to many concurrent commands are not mixed up', async (t, { cache, key }) => {
    const names = Array.from({ length: 300 }, (_, n) => String(n))
    const body = (name: string) => Buffer.from(name.repeat(1 + (Number(name) % 50)))
    const added = await Promise.all(names.map((name) => cache.add(key(name), entry({ body: body(name) }))))
    t.false(added.includes(false))
    await Promise.all(
      names.map(async (name, n) => {
        if (n % 3 === 0) await cache.delete(key(name))
        t.deepEqual((await cache.get(key(name)))?.body, n % 3 === 0 ? undefined : body(name))
      }),
    )
  })
}

function raceContract(on: RegisterCache): void {
  on('8 writers x 50 increments: none is lost', async (t, { cache, another, key }) => {
    await cache.add(key('a'), entry({ body: Buffer.from('0') }))
    const increment = async (mine: Cache, version: string) => {
      for (;;) {
        const read = await mine.get(key('a'))
        if (read === undefined) throw new Error('the entry is gone')
        const body = Buffer.from(String(Number(text(read)) + 1))
        const outcome = await mine.swap(key('a'), read.version, entry({ version, body }))
        if (outcome === 'done') return
        if (outcome === 'missing') throw new Error('a live entry was reported as missing')
      }
    }
    const writers = await Promise.all(Array.from({ length: 8 }, another))
    await Promise.all(
      writers.map(async (writer, index) => {
        for (let n = 0; n < 50; n++) await increment(writer, `w${index}-${n}`)
      }),
    )
    t.is(text(await cache.get(key('a'))), '400')
  })

  on('200 races of a swap with a delete: none brings the entry back', async (t, { cache, another, key }) => {
    const [writer, ender] = [await another(), await another()]
    for (let n = 0; n < 200; n++) {
      const name = key(`race${n}`)
      await cache.add(name, entry())
      // Half of them as a touch, which leaves the version as it was.
      const late = entry({ version: n % 4 < 2 ? 'v2' : 'v1', expires: START + 2 * HOUR, body: Buffer.from('late') })
      const race = [() => writer.swap(name, 'v1', late), () => ender.delete(name)]
      const outcomes = await Promise.all((n % 2 === 0 ? race : race.reverse()).map((run) => run()))
      t.true(outcomes.includes('done'), `race ${n}`)
      t.is(await cache.get(name), undefined, `race ${n}`)
      t.is(await writer.swap(name, 'v1', late), 'missing', `race ${n}`)
    }
  })

  on('100 races of a swap with a touch: the swap succeeds and is kept', async (t, { cache, another, key }) => {
    const [writer, toucher] = [await another(), await another()]
    for (let n = 0; n < 100; n++) {
      const name = key(`race${n}`)
      await cache.add(name, entry())
      const race = [
        () => writer.swap(name, 'v1', entry({ version: 'v2', body: Buffer.from('second') })),
        () => toucher.swap(name, 'v1', entry({ expires: START + 2 * HOUR })),
      ]
      const outcomes = await Promise.all((n % 2 === 0 ? race : race.reverse()).map((run) => run()))
      t.is(outcomes[n % 2], 'done', `race ${n}`)
      t.is(text(await cache.get(name)), 'second', `race ${n}`)
    }
  })

  on('of many concurrent adds, swaps or deletes only one succeeds', async (t, { another, key }) => {
    const rivals = await Promise.all(Array.from({ length: 6 }, another))
    const added = await Promise.all(rivals.map((rival) => rival.add(key('a'), entry())))
    t.is(added.filter((did) => did).length, 1)
    const swapped = await Promise.all(rivals.map((rival, n) => rival.swap(key('a'), 'v1', entry({ version: `r${n}` }))))
    t.deepEqual(swapped.sort(), [...Array<string>(5).fill('conflict'), 'done'])
    const version = (await rivals[0]?.get(key('a')))?.version
    t.truthy(version)
    const deleted = await Promise.all(rivals.map((rival) => rival.delete(key('a'), version)))
    t.is(deleted.filter((outcome) => outcome === 'done').length, 1)
  })
}

function troubleContract(on: RegisterCache, traits: CacheTraits): void {
  on('a cache that does not answer is unavailable, never missing', async (t, { cache, breakIt, key }) => {
    await cache.add(key('a'), entry())
    await breakIt()
    const verbs = [
      () => cache.get(key('a')),
      () => cache.add(key('b'), entry()),
      () => cache.swap(key('a'), 'v1', entry({ version: 'v2' })),
      () => cache.delete(key('a')),
      () => cache.delete(key('a'), 'v1'),
      () => cache.ping(),
    ]
    for (const verb of verbs) await t.throwsAsync(verb, { instanceOf: StoreUnavailableError })
  })

  on('a cache that was closed is unavailable, and may be closed again', async (t, { cache, key }) => {
    await cache.close()
    await cache.close()
    await t.throwsAsync(cache.get(key('a')), { instanceOf: StoreUnavailableError })
  })

  on('damaged bytes are detected, and can be replaced and deleted', async (t, { cache, plant, key }) => {
    t.is(plant !== undefined, traits.damageable)
    if (plant === undefined) return
    const damages = [Buffer.alloc(0), Buffer.from('{"json":true}'), Buffer.alloc(39, 48), randomBytes(500)]
    for (const [index, bytes] of damages.entries()) {
      const name = key(`damaged${index}`)
      await plant(name, bytes)
      t.deepEqual(await cache.get(name), DAMAGED)
      t.false(await cache.add(name, entry()))
      t.is(await cache.swap(name, 'v1', entry()), 'conflict')
      t.is(await cache.delete(name, 'v1'), 'conflict')
      t.is(await cache.swap(name, DAMAGED.version, entry()), 'done')
      t.deepEqual(await cache.get(name), entry())
      await plant(name, bytes)
      t.is(await cache.delete(name, DAMAGED.version), 'done')
      await plant(name, bytes)
      t.is(await cache.delete(name), 'done')
      t.is(await cache.get(name), undefined)
    }
  })
}

function userContract(on: RegisterCache): void {
  on('the keys of a user are listed until they expire or are removed', async (t, { cache, another, clock, key }) => {
    const [users, elsewhere] = [cache.users, (await another()).users]
    if (users === undefined || elsewhere === undefined) return t.fail('this cache knows no users')
    const sorted = async (userId: string) => (await elsewhere.keys(userId)).sort()
    const [seven, eight, nobody] = [key('7'), key('8'), key('9')]
    await users.add(seven, 'a', START + HOUR)
    await users.add(seven, 'b', START + 3 * HOUR)
    await users.add(eight, 'c', START + HOUR)
    t.deepEqual(await sorted(seven), ['a', 'b'])
    t.deepEqual(await sorted(eight), ['c'])
    t.deepEqual(await sorted(nobody), [])
    clock.now = START + HOUR
    t.deepEqual(await sorted(seven), ['b'], 'at the very instant')
    t.deepEqual(await sorted(eight), [])
    await users.add(seven, 'b', START + 4 * HOUR)
    clock.now = START + 3 * HOUR
    t.deepEqual(await sorted(seven), ['b'], 'its expiry was moved')
    await users.add(seven, 'd', START + 4 * HOUR)
    await users.remove(seven, 'b')
    await users.remove(seven, 'never')
    await users.remove(nobody, 'never')
    t.deepEqual(await sorted(seven), ['d'])
  })

  on('users of an unreachable cache are unavailable, never without keys', async (t, { cache, breakIt, key }) => {
    const users = cache.users
    if (users === undefined) return t.fail('this cache knows no users')
    await users.add(key('7'), 'a', START + HOUR)
    await breakIt()
    for (const verb of [
      () => users.keys(key('7')),
      () => users.add(key('7'), 'b', START + HOUR),
      () => users.remove(key('7'), 'a'),
    ]) {
      await t.throwsAsync(verb, { instanceOf: StoreUnavailableError })
    }
  })
}
