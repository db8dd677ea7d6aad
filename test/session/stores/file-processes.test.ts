import { hash } from 'node:crypto'
import { lutimes, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { FileStore } from '../../../src/session/stores/file/file.ts'
import { removeStaleLock } from '../../../src/session/stores/file/file-lock.ts'
import { WORK_FOLDER } from '../../../src/session/stores/file/file-write.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { DAY, record } from './bench.ts'
import { testFolder } from './file-bench.ts'

const CHILD = fileURLToPath(new URL('file-child.ts', import.meta.url))
const FOR_LONG = '1000000'

const child = (...args: string[]) => startProcess([TYPESCRIPT, CHILD, ...args])
const content = (data: string) => record({ data, expires: Date.now() + DAY })
const lockOf = (folder: string, key: string) => join(folder, WORK_FOLDER, `${hash('sha256', key, 'hex')}.lock`)

for (const layout of ['flat', 'hashed', 'dated'] as const) {
  test.serial(`${layout}: 4 processes x 25 increments of one session: none is lost`, async (t) => {
    const folder = await testFolder(t)
    const store = new FileStore({ folder, layout })
    await store.prepare()
    await store.create('a', content('0'))
    const writers = Array.from({ length: 4 }, () => child('increment', folder, layout, 'a', '25'))
    for (const writer of writers) t.is(await writer.ended(), 0, writer.output())
    t.is((await store.load('a'))?.data, '100')
    t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [], 'neither locks nor temporaries stay')
  })
}

test.serial('of 6 processes that create the same session only one succeeds', async (t) => {
  const folder = await testFolder(t)
  await new FileStore({ folder }).prepare()
  const creators = Array.from({ length: 6 }, () => child('create', folder, 'hashed', 'a', '022'))
  const codes = await Promise.all(creators.map((creator) => creator.ended()))
  t.is(codes.filter((code) => code === 0).length, 1)
  t.is(creators.filter((creator) => creator.output().includes('KeyTakenError')).length, 5)
})

test.serial('a process that is killed while saving loses no acknowledged save', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  await store.create('a', content('0'))
  for (let cycle = 1; cycle <= 6; cycle++) {
    const writer = child('increment', folder, 'hashed', 'a', FOR_LONG)
    await writer.printed(new RegExp(`saved ${cycle * 20};`))
    await writer.stop('SIGKILL')
    const acknowledged = Number(/saved (\d+);\s*$/.exec(writer.output())?.[1])
    const data = Number((await store.load('a'))?.data)
    t.true(data === acknowledged || data === acknowledged + 1, `${data} after ${acknowledged}`)
  }
})

test.serial('a lock whose holder was killed blocks no one', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  const version = await store.create('a', content('first'))
  const holder = child('hold', folder, 'hashed', 'a', lockOf(folder, 'a'))
  await holder.printed(/held/)
  t.false(await removeStaleLock(lockOf(folder, 'a')))
  await holder.stop('SIGKILL')
  t.is((await readdir(join(folder, WORK_FOLDER))).length, 1, 'the lock stayed')
  const savers = Array.from({ length: 8 }, () => new FileStore({ folder }).save('a', version, content('second')))
  const outcomes = (await Promise.all(savers)).map(({ outcome }) => outcome)
  t.deepEqual(outcomes.sort(), [...Array<string>(7).fill('conflict'), 'saved'])
  t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [])
})

test.serial('the lock of a dead process is stale at once', async (t) => {
  const folder = await testFolder(t)
  await new FileStore({ folder }).prepare()
  const holder = child('hold', folder, 'hashed', 'a', lockOf(folder, 'a'))
  await holder.printed(/held/)
  await holder.stop('SIGKILL')
  t.true(await removeStaleLock(lockOf(folder, 'a')))
  t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [])
})

test.serial('a session can be read while another process holds its lock', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  await store.create('a', content('first'))
  const holder = child('hold', folder, 'hashed', 'a', lockOf(folder, 'a'))
  await holder.printed(/held/)
  t.is((await store.load('a'))?.data, 'first')
  await holder.stop('SIGKILL')
})

test.serial('a lock older than 5 s is removed, whatever its holder and type', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  await store.create('a', content('first'))
  const longAgo = Date.now() / 1000 - 6
  for (const text of ['elsewher.1.AAAAAAAAAAAAAAAA', 'nonsense', '/etc/passwd']) {
    await symlink(text, lockOf(folder, 'a'))
    await symlink(text, `${lockOf(folder, 'a')}.taking`)
    for (const path of [lockOf(folder, 'a'), `${lockOf(folder, 'a')}.taking`]) await lutimes(path, longAgo, longAgo)
    const version = (await store.load('a'))?.version ?? ''
    t.is((await store.save('a', version, content('second'))).outcome, 'saved', text)
    t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [], text)
  }
})
