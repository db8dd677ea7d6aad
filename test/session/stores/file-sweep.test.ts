import { access, lutimes, mkdir, readdir, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import { clearSessions } from '../../../src/session/stores/clear.ts'
import { FileStore } from '../../../src/session/stores/file/file.ts'
import { WORK_FOLDER } from '../../../src/session/stores/file/file-write.ts'
import { HOUR, record, START } from './bench.ts'
import { filesIn, testFolder } from './file-bench.ts'

const EXPIRED = { kind: 'expired', before: START + HOUR } as const

async function age(path: string, seconds: number): Promise<void> {
  const time = Date.now() / 1000 - seconds
  await utimes(path, time, time)
}

for (const layout of ['flat', 'hashed', 'dated'] as const) {
  test(`${layout}: after clearing everything, only foreign files are left`, async (t) => {
    const folder = await testFolder(t)
    const store = new FileStore({ folder, layout, now: () => START })
    await store.prepare()
    await writeFile(join(folder, 'README'), 'not a session')
    await mkdir(join(folder, 'notes', 'ab'), { recursive: true })
    const keys = Array.from({ length: 25 }, (_, n) => `key${n}`)
    for (const key of keys) await store.create(key, record({}))
    const counts = []
    for (let batch = 0; batch < 4; batch++) counts.push(await store.clearBatch(EXPIRED, 10))
    t.deepEqual(counts, [10, 10, 5, 0])
    t.deepEqual((await readdir(folder)).sort(), [WORK_FOLDER, 'README', 'notes'])
    t.deepEqual(await readdir(join(folder, 'notes')), ['ab'])
    t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [])
    await store.create('again', record({}))
    t.is((await store.load('again'))?.data, 'data')
  })
}

for (const layout of ['flat', 'hashed', 'dated'] as const) {
  test(`${layout}: sessions that have ended leave no empty folders, while others begin beside them`, async (t) => {
    const folder = await testFolder(t)
    const store = new FileStore({ folder, layout, now: () => START })
    await store.prepare()
    await store.create('stays', record({}))
    const keys = Array.from({ length: 100 }, (_, n) => `key${n}`)
    for (const key of keys.slice(0, 50)) await store.create(key, record({}))
    await Promise.all(keys.map((key, n) => (n < 50 ? store.delete(key) : store.create(key, record({})))))
    for (const key of keys.slice(50)) await store.delete(key)
    t.is((await store.load('stays'))?.data, 'data')
    await store.delete('stays')
    t.deepEqual(await readdir(folder), [WORK_FOLDER])
  })
}

test('a paused clear does not miss later records', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, now: () => START })
  await store.prepare()
  const user = { kind: 'user', userId: '7' } as const
  for (let n = 0; n < 20; n++) await store.create(`first${n}`, record({}))
  t.is(await store.clearBatch(user, 15), 15)
  for (let n = 0; n < 20; n++) await store.create(`second${n}`, record({}))
  t.is(await store.clearBatch(user, 100), 25)
  t.deepEqual(await filesIn(folder), [])
})

test('two clears at once delete everything once', async (t) => {
  const folder = await testFolder(t)
  const [one, other] = [new FileStore({ folder, now: () => START }), new FileStore({ folder, now: () => START })]
  await one.prepare()
  for (let n = 0; n < 40; n++) await one.create(`key${n}`, record({}))
  const options = { batch: 7, pause: 0 }
  const deleted = await Promise.all([clearSessions(one, EXPIRED, options), clearSessions(other, EXPIRED, options)])
  t.is(deleted[0] + deleted[1], 40)
  t.deepEqual(await filesIn(folder), [])
})

test('a clear removes old temporary files and stale locks, but not those in use', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, now: () => START })
  await store.prepare()
  const stray = (name: string) => join(folder, WORK_FOLDER, name)
  await writeFile(stray('old.tmp'), 'half a rec')
  await age(stray('old.tmp'), 61)
  await writeFile(stray('new.tmp'), 'half a rec')
  await symlink('elsewher.1.AAAAAAAAAAAAAAAA', stray('old.lock'))
  await lutimes(stray('old.lock'), 0, 0)
  await symlink('elsewher.1.AAAAAAAAAAAAAAAA', stray('new.lock'))
  await store.clearBatch(EXPIRED, 10)
  t.deepEqual((await readdir(join(folder, WORK_FOLDER))).sort(), ['new.lock', 'new.tmp'])
})

test('dated: records are in the folder of their creation day, and a link without a record is cleared', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, layout: 'dated', now: () => START })
  await store.prepare()
  const version = await store.create('a', record({ expires: START + 9 * HOUR }))
  const [path = ''] = await filesIn(folder)
  t.is(dirname(path), join(folder, '2026', '03', '01'))
  const name = path.slice(-64)
  const link = join(folder, name.slice(0, 2), name.slice(2, 4), name)
  t.is(await readlink(link), '2026/03/01')

  await store.save('a', version, record({ createdAt: START + 99 * HOUR, expires: START + 9 * HOUR }))
  t.deepEqual(await filesIn(folder), [path], 'a save does not move it')
  t.is(await store.clearBatch(EXPIRED, 10), 0)
  await t.notThrowsAsync(access(path))

  await rm(join(folder, '2026'), { recursive: true })
  t.is(await store.load('a'), undefined, 'the folder of the year was deleted')
  t.is(await store.delete('a'), 'missing')
  await store.clearBatch(EXPIRED, 10)
  t.deepEqual(await readdir(folder), [WORK_FOLDER])
})
