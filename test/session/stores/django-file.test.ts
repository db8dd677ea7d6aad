import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { DjangoFileStore } from '../../../src/session/stores/file/django-file.ts'
import { DAY, EVERYTHING, HOUR, record, START } from './bench.ts'
import { storeContract } from './contract.ts'
import { damaged, fileBench, filesIn, numbers, testFolder } from './file-bench.ts'

const COOKIE_AGE = 1_209_600

storeContract('django file', { ...EVERYTHING, keepsMetadata: false, knowsUsers: false }, (now) =>
  fileBench((folder) => new DjangoFileStore({ folder, cookieName: 'sessionid', cookieAge: COOKIE_AGE, now })),
)

const KEY = 'abcdefghijklmnopqrstuvwxyz012345'

test("a session is the file that Django's backend would keep", async (t) => {
  const folder = await testFolder(t)
  const store = new DjangoFileStore({ folder, cookieName: 'sid', cookieAge: COOKIE_AGE, now: () => START })
  await store.prepare()
  const version = await store.create(KEY, record({ data: 'text:signed', expires: START + 1234 }))
  const path = join(folder, `sid${KEY}`)
  t.deepEqual(await filesIn(folder), [path])
  t.is(await readFile(path, 'utf8'), 'text:signed')
  const { mode, mtimeMs } = await stat(path)
  t.is(mode & 0o777, 0o600)
  t.is(Math.round(mtimeMs), START + 1234 - COOKIE_AGE * 1000)
  await store.touch(KEY, version, { expires: START + 5678, lastActivity: START })
  t.is(Math.round((await stat(path)).mtimeMs), START + 5678 - COOKIE_AGE * 1000)
})

test('a file of Django expires after the cookie age since it was written, or by its custom expiry', async (t) => {
  const folder = await testFolder(t)
  const clock = { now: START }
  const own = new Map<string, number | Date>([
    ['seconds', 60],
    ['past', -60],
    ['browser', 0],
    ['date', new Date(START + 5 * DAY)],
  ])
  const customExpiry = (text: string) => own.get(text)
  const store = new DjangoFileStore({
    folder,
    cookieName: 'sessionid',
    cookieAge: 3600,
    customExpiry,
    now: () => clock.now,
  })
  await store.prepare()
  for (const text of ['plain', ...own.keys()]) {
    await writeFile(join(folder, `sessionid${text}`), text)
    await utimes(join(folder, `sessionid${text}`), START / 1000, START / 1000)
  }
  t.is((await store.load('plain'))?.expires, START + HOUR)
  t.is((await store.load('seconds'))?.expires, START + 60_000)
  t.is(await store.load('past'), undefined)
  t.is((await store.load('browser'))?.expires, START + HOUR)
  t.is((await store.load('date'))?.expires, START + 5 * DAY)
  const seconds = await store.load('seconds')
  await store.touch('seconds', seconds?.version ?? '', { expires: START + 90_000, lastActivity: START })
  t.is((await store.load('seconds'))?.expires, START + 90_000)
  clock.now = START + HOUR
  t.is(await store.clearBatch({ kind: 'expired', before: clock.now }, 10), 4)
  t.deepEqual(await filesIn(folder), [join(folder, 'sessioniddate')])
})

test("keys that Django refuses become no file names, and only a session's files are counted", async (t) => {
  const folder = await testFolder(t)
  const store = new DjangoFileStore({ folder, cookieName: 'sessionid', cookieAge: 3600 })
  await store.prepare()
  for (const key of ['../x', 'a/b', 'a.b', 'UPPER', 'a_b', 'ä', 'a\0', '', 'x'.repeat(200)]) {
    await t.throwsAsync(store.create(key, record({})), { instanceOf: RangeError }, key)
    t.is(await store.load(key), undefined)
  }
  for (const name of ['other', 'sessionid', 'sessionidabc_out_xyz', 'sessionidgood']) {
    await writeFile(join(folder, name), 'text')
  }
  t.is((await store.statistics()).total, 1)
})

test('errors of the file system do not contain the key in the file name', async (t) => {
  const folder = await testFolder(t)
  const store = new DjangoFileStore({ folder, cookieName: 'sessionid', cookieAge: 3600 })
  await store.prepare()
  await mkdir(join(folder, `sessionid${KEY}`))
  const error = await t.throwsAsync(store.create(KEY, record({})), { instanceOf: StoreUnavailableError })
  t.like(error.cause, { code: 'EISDIR', message: `EISDIR: illegal operation on a directory, rename in '${folder}'` })
  t.false(inspect(error).includes(KEY))
})

test('a cookie name that would lead out of the folder is refused', (t) => {
  for (const cookieName of ['', '.', '..', '../sid', 'a/b', '.hidden']) {
    t.throws(() => new DjangoFileStore({ folder: '.', cookieName, cookieAge: 1 }), { instanceOf: RangeError })
  }
})

test("1,000 damaged variants of Django's file come back as they are, and never as an error", async (t) => {
  const folder = await testFolder(t)
  const store = new DjangoFileStore({ folder, cookieName: 'sessionid', cookieAge: 3600 })
  await store.prepare()
  const random = numbers(2)
  const intact = Buffer.from('.eJyrVkpJzSvJLFGyqlYqS8wpTVWqBQBPtgbM:1abcde:signature')
  for (let n = 0; n < 1000; n++) {
    const bytes = damaged(intact, random)
    await writeFile(join(folder, 'sessionida'), bytes)
    t.is((await store.load('a'))?.data, bytes.toString())
  }
})
