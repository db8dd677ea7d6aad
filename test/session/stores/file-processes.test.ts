import { spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { lutimes, readdir, readFile, readlink, symlink, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { FileStore } from '../../../src/session/stores/file/file.ts'
import { removeStaleLock } from '../../../src/session/stores/file/file-lock.ts'
import { WORK_FOLDER } from '../../../src/session/stores/file/file-write.ts'
import { holderText } from '../../../src/session/stores/file/lock-holder.ts'
import { eventually } from '../../support/eventually.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { DAY, record } from './bench.ts'
import { testFolder } from './file-bench.ts'

const CHILD = fileURLToPath(new URL('file-child.ts', import.meta.url))
const FOR_LONG = '1000000'

const child = (...args: string[]) => startProcess([TYPESCRIPT, CHILD, ...args])
const content = (data: string) => record({ data, expires: Date.now() + DAY })
const lockOf = (folder: string, key: string) => join(folder, WORK_FOLDER, `${hash('sha256', key, 'hex')}.lock`)

const longAgo = () => Date.now() / 1000 - 60

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

test.serial('a process whose save lost keeps the lock for its next one, and not for long', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, timeout: 500 })
  await store.prepare()
  const version = await store.create('a', content('first'))
  const locks = () => readdir(join(folder, WORK_FOLDER))
  const lose = async () => t.is((await store.save('a', 'an older one', content('lost'))).outcome, 'conflict')
  // A busy machine may look too late.
  await eventually(
    () => lose().then(locks),
    (left) => left.length === 1,
  )
  t.is((await store.save('a', version, content('second'))).outcome, 'saved')
  t.deepEqual(await locks(), [])
  await lose()
  await eventually(locks, (left) => left.length === 0)
  await lose()
  // If another process has got it, it is not taken for the one that was kept.
  await unlink(lockOf(folder, 'a')).catch(() => {})
  await symlink(holderText(), lockOf(folder, 'a'))
  await t.throwsAsync(store.delete('a'), { instanceOf: StoreUnavailableError })
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
  // It is kept for a moment after a conflict.
  await eventually(
    () => readdir(join(folder, WORK_FOLDER)),
    (left) => left.length === 0,
  )
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

test.serial('the lock of a living process is never taken over, however old it is', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  const version = await store.create('a', content('first'))
  const lock = lockOf(folder, 'a')
  const holder = child('hold', folder, 'hashed', 'a', lock)
  await holder.printed(/held/)
  // As after a minute in which a slow disk lets it wait.
  await lutimes(lock, longAgo(), longAgo())
  t.false(await removeStaleLock(lock))
  holder.child.kill('SIGSTOP')
  await t.throwsAsync(store.save('a', version, content('second')), { instanceOf: StoreUnavailableError })
  t.is((await store.load('a'))?.data, 'first')
  await holder.stop('SIGKILL')
  t.is((await store.save('a', version, content('second'))).outcome, 'saved')
})

const linux = process.platform === 'linux' ? test.serial : test.serial.skip

linux('a process that has got the id of a dead holder does not keep its lock alive', async (t) => {
  const folder = await testFolder(t)
  await new FileStore({ folder }).prepare()
  const [place, pid, started, random] = holderText().split('.')
  await symlink([place, pid, Number(started) - 1, random].join('.'), lockOf(folder, 'a'))
  t.true(await removeStaleLock(lockOf(folder, 'a')))
  await symlink([place, pid, started, random].join('.'), lockOf(folder, 'a'))
  t.false(await removeStaleLock(lockOf(folder, 'a')))
})

linux('a dead holder whose parent has not noticed its death counts as dead', async (t) => {
  const folder = await testFolder(t)
  await new FileStore({ folder }).prepare()
  const lock = lockOf(folder, 'a')
  // The shell becomes a program that never waits for its children.
  const command = [
    '"$0" "$@" & exec sleep 1000',
    process.execPath,
    TYPESCRIPT,
    CHILD,
    'hold',
    folder,
    'hashed',
    'a',
    lock,
  ]
  const parent = spawn('sh', ['-c', ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => parent.kill('SIGKILL'))
  await once(parent.stdout, 'data')
  const pid = Number((await readlink(lock)).split('.')[1])
  t.not(pid, parent.pid)
  process.kill(pid, 'SIGKILL')
  while (!/ Z /.test(await readFile(`/proc/${pid}/stat`, 'latin1')));
  t.true(await removeStaleLock(lock))
})

test.serial('a lock from elsewhere is removed after 5 s', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  await store.create('a', content('first'))
  // Those of another machine, of an earlier start of this one, and of an earlier version.
  for (const text of ['elsewher.1.1.AAAAAAAAAAAAAAAA', 'elsewher.1.AAAAAAAAAAAAAAAA', 'nonsense', '/etc/passwd']) {
    const paths = [lockOf(folder, 'a'), `${lockOf(folder, 'a')}.taking`]
    for (const path of paths) await symlink(text, path)
    t.false(await removeStaleLock(paths[0] ?? ''), text)
    for (const path of paths) await lutimes(path, longAgo(), longAgo())
    const version = (await store.load('a'))?.version ?? ''
    t.is((await store.save('a', version, content('second'))).outcome, 'saved', text)
    t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [], text)
  }
})
