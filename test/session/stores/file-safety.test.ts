import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  chmod,
  constants,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { newSessionKey } from '../../../src/session/core/key.ts'
import { FileStore } from '../../../src/session/stores/file/file.ts'
import { WORK_FOLDER } from '../../../src/session/stores/file/file-write.ts'
import { testEngine } from '../../support/engine.ts'
import { startProcess } from '../../support/processes.ts'
import { DAY, HOUR, record } from './bench.ts'
import { damaged, filesIn, numbers, testFolder } from './file-bench.ts'

const CHILD = fileURLToPath(new URL('file-child.ts', import.meta.url))
const content = (data: string) => record({ data, expires: Date.now() + DAY })
const nameOf = (key: string) => hash('sha256', key, 'hex')

test('1,000 damaged variants of a record are a record without data, and never an error', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  const original = 'the original data '.repeat(10)
  await store.create('a', content(original))
  const [path = ''] = await filesIn(folder)
  const intact = await readFile(path)
  const random = numbers(1)
  for (let n = 0; n < 1000; n++) {
    const bytes = damaged(intact, random)
    if (bytes.equals(intact)) continue
    await writeFile(path, bytes)
    const loaded = await store.load('a')
    t.is(loaded?.data, '', `variant ${n}: ${bytes.toString('latin1')}`)
    t.is(loaded?.userId, null)
  }
  const { total } = await store.statistics()
  t.is(total, 1)
  t.is(await store.delete('a'), 'done')
  t.deepEqual(await filesIn(folder), [])
})

test("another session's file, an empty one and one far too large are no session", async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, layout: 'flat' })
  await store.prepare()
  await store.create('hers', content('hers'))
  await writeFile(join(folder, nameOf('foreign')), await readFile(join(folder, nameOf('hers'))))
  await writeFile(join(folder, nameOf('empty')), '')
  await writeFile(join(folder, nameOf('large')), Buffer.alloc(40_000_000))
  await mkdir(join(folder, nameOf('folder')))
  for (const key of ['foreign', 'empty', 'large']) t.is((await store.load(key))?.data, '', key)
  t.is(await store.load('folder'), undefined)
  t.is((await store.load('hers'))?.data, 'hers')
})

// Serial, because Linux counts the bytes that the whole process reads.
const onLinux = process.platform === 'linux' ? test.serial : test.skip
onLinux('a file far too large is not read before it is refused', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, layout: 'flat' })
  await store.prepare()
  await writeFile(join(folder, nameOf('large')), '')
  await truncate(join(folder, nameOf('large')), 60_000_000)
  const bytesRead = async () => Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1])
  const before = await bytesRead()
  t.is((await store.load('large'))?.data, '')
  const read = (await bytesRead()) - before
  t.true(read < 20_000_000, `${read} bytes`)
})

onLinux('a pipe in place of a record is not read byte by byte', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, layout: 'flat' })
  await store.prepare()
  const path = join(folder, nameOf('pipe'))
  await promisify(execFile)('mkfifo', [path])
  const pipe = await open(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(() => pipe.close())
  await pipe.write(Buffer.alloc(60_000, 'a'))
  const reads = async () => Number(/^syscr: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1])
  const before = await reads()
  t.is((await store.load('pipe'))?.data, '')
  const count = (await reads()) - before
  t.true(count < 1000, `${count} reads`)
})

test('a record that needs several reads is whole', async (t) => {
  const store = new FileStore({ folder: await testFolder(t) })
  await store.prepare()
  for (const length of [3900, 4000, 4096, 16_000, 64_000, 1_000_000]) {
    const data = 'ab€'.repeat(length / 3)
    await store.create(`key${length}`, content(data))
    t.is((await store.load(`key${length}`))?.data, data, `${length} characters`)
  }
})

test('damaged files are cleared when they are old', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, layout: 'flat' })
  await store.prepare()
  const [old, recent] = [join(folder, nameOf('old')), join(folder, nameOf('recent'))]
  for (const path of [old, recent]) await writeFile(path, 'garbage')
  const longAgo = Date.now() / 1000 - 2 * 86_400
  await utimes(old, longAgo, longAgo)
  t.is(await store.load('old'), undefined)
  t.is(await store.clearBatch({ kind: 'expired', before: Date.now() }, 10), 1)
  t.deepEqual(await filesIn(folder), [recent])
})

for (const layout of ['flat', 'hashed', 'dated'] as const) {
  test(`${layout}: a link planted in the place of a record is not followed`, async (t) => {
    const [folder, outside] = [await testFolder(t), await testFolder(t)]
    const victim = join(outside, 'victim')
    const store = new FileStore({ folder, layout })
    await store.prepare()
    await store.create('a', content('mine'))
    const [path = ''] = await filesIn(folder)
    await rename(path, victim)
    await symlink(victim, path)
    const before = await readFile(victim)
    t.is(await store.load('a'), undefined)
    t.is((await store.save('a', 'any', content('new'))).outcome, 'missing')
    await store.create('a', content('new'))
    t.is((await store.load('a'))?.data, 'new')
    t.is(await store.delete('a'), 'done')
    t.deepEqual(await readFile(victim), before)
  })
}

test('a link planted in place of the work folder is refused at startup', async (t) => {
  const [folder, outside] = [await testFolder(t), await testFolder(t)]
  await symlink(outside, join(folder, WORK_FOLDER))
  const error = await t.throwsAsync(new FileStore({ folder }).prepare())
  t.regex(error.message, /is not a folder: remove it/)
})

for (const umask of ['000', '777']) {
  for (const layout of ['flat', 'hashed', 'dated']) {
    test.serial(`${layout}: files are 0600 and folders 0700 under umask ${umask}`, async (t) => {
      const parent = await testFolder(t)
      const folder = join(parent, 'sessions')
      const creator = startProcess([
        '--import=./scripts/lib/typescript.mjs',
        CHILD,
        'create',
        folder,
        layout,
        'a',
        umask,
      ])
      t.is(await creator.ended(), 0, creator.output())
      const [path = '', ...others] = await filesIn(folder)
      t.deepEqual(others, [])
      t.is((await stat(path)).mode & 0o777, 0o600)
      t.is((await stat(join(folder, WORK_FOLDER))).mode & 0o777, 0o700)
      for (let above = dirname(path); above !== parent; above = dirname(above)) {
        t.is((await stat(above)).mode & 0o777, 0o700, above)
      }
    })
  }
}

test('an unusable folder throws an error with the fix', async (t) => {
  const parent = await testFolder(t)
  await writeFile(join(parent, 'file'), '')
  await mkdir(join(parent, 'open'))
  await chmod(join(parent, 'open'), 0o777)
  const cases: [folder: string, message: RegExp][] = [
    [join(parent, 'file'), /^".*" is not a folder: move that file away, or choose another folder for sessions\.$/],
    [join(parent, 'file', 'below'), /^".*" is not a folder: move that file away/],
    [join(parent, 'open'), /^All users can write to ".*": run "chmod 700" on it, or choose another/],
    // No user can create a folder there, not even root.
    ['/sys/sessions', /^Sessions cannot be written to "\/sys\/sessions" \(E\w+\): give this process write permission/],
  ]
  for (const [folder, message] of cases) {
    const error = await t.throwsAsync(new FileStore({ folder }).prepare(), undefined, folder)
    t.regex(error.message, message)
  }
  await t.notThrowsAsync(new FileStore({ folder: join(parent, 'several', 'new', 'ones') }).prepare())
})

test('an empty mount point is unavailable, not a folder without sessions', async (t) => {
  const parent = await testFolder(t)
  const folder = join(parent, 'sessions')
  const store = new FileStore({ folder })
  await store.prepare()
  const version = await store.create('a', content('first'))
  await rename(folder, `${folder}.away`)
  await mkdir(folder)
  await t.throwsAsync(store.load('a'), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.create('b', content('second')), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.delete('a', version), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.clearBatch({ kind: 'expired', before: Date.now() + HOUR }, 10), {
    instanceOf: StoreUnavailableError,
  })
  t.deepEqual(await filesIn(folder), [])
  await rm(folder, { recursive: true })
  await rename(`${folder}.away`, folder)
  t.is((await store.load('a'))?.data, 'first', 'and back')
})

test('a write that fails is unavailable and leaves no temporary', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder, layout: 'flat' })
  await store.prepare()
  await mkdir(join(folder, nameOf('blocked'), 'below'), { recursive: true })
  await t.throwsAsync(store.create('blocked', content('new')), { instanceOf: StoreUnavailableError })
  t.deepEqual(await readdir(join(folder, WORK_FOLDER)), [])
})

test('a damaged record is an anonymous visitor and a security event', async (t) => {
  const folder = await testFolder(t)
  const store = new FileStore({ folder })
  await store.prepare()
  const { engine, codec } = testEngine({ store, clock: { now: Date.now() } })
  const key = newSessionKey()
  await store.create(codec.storeKey(key), content(codec.encode(key, { list: 1 })))
  t.true((await engine.open(key)).live)
  const [path = ''] = await filesIn(folder)
  await truncate(path, 100)
  t.like(await engine.open(key), { live: false, suspicion: 'undecodable' })
})
