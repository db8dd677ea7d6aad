/** Another process on the same folder: `increment`s a counter, `create`s a record, or `hold`s a lock until it is killed. */
import { FileStore } from '../../../src/session/stores/file/file.ts'
import type { LayoutName } from '../../../src/session/stores/file/file-layouts.ts'
import { withFileLock } from '../../../src/session/stores/file/file-lock.ts'
import { DAY, record } from './bench.ts'

const [task = '', folder = '', layout = 'hashed', key = '', argument = ''] = process.argv.slice(2)

function content(data: string) {
  return record({ data, expires: Date.now() + DAY })
}

async function open(): Promise<FileStore> {
  const store = new FileStore({ folder, layout: layout as LayoutName })
  await store.prepare()
  return store
}

async function increment(store: FileStore): Promise<number> {
  for (;;) {
    const read = await store.load(key)
    if (read === undefined) throw new Error('the record is gone')
    const next = Number(read.data) + 1
    const { outcome } = await store.save(key, read.version, content(String(next)))
    if (outcome === 'saved') return next
    if (outcome === 'missing') throw new Error('a live record was reported as missing')
  }
}

if (task === 'increment') {
  const store = await open()
  for (let n = 0; n < Number(argument); n++) console.log(`saved ${await increment(store)};`)
}
if (task === 'create') {
  process.umask(Number.parseInt(argument, 8))
  await (await open()).create(key, content('data'))
}
if (task === 'hold') {
  await withFileLock(argument, 6000, async () => {
    console.log('held')
    await new Promise(() => setInterval(() => {}, 1000))
  })
}
