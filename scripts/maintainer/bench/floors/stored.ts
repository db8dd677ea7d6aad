import { randomBytes } from 'node:crypto'
import fs, { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sqlite3 from 'sqlite3'
import { type FloorOptions, type Medium, type Records, sealedUnderKeys } from './medium.ts'
import { redisClient } from './redis-client.ts'

// With node:fs/promises a read takes half as much CPU time again.
const open = promisify(fs.open)
const read = promisify(fs.read)
const write = promisify(fs.write)
const sync = promisify(fs.fsync)
const close = promisify(fs.close)
const rename = promisify(fs.rename)

const TWO_WEEKS_MS = '1209600000'
// More than a session of the benchmark has.
const MAX_FILE_BYTES = 4000

/** In this process. */
export function memory({ secret }: FloorOptions): Medium {
  const records = new Map<string, Buffer>()
  return sealedUnderKeys(secret, {
    load: (name) => records.get(name),
    save: (name, box) => void records.set(name, box),
  })
}

/** In Redis: a read is a GET, a change also a script. */
export function redis({ secret, url }: FloorOptions): Medium {
  const { get, send, keyOf } = redisRecords(url)
  const swap = `if redis.call('EXISTS', KEYS[1]) == 0 and ARGV[2] == '1' then return 0 end redis.call('SET', KEYS[1], ARGV[1], 'PX', ${TWO_WEEKS_MS}) return 1`
  return sealedUnderKeys(secret, {
    load: get,
    save: async (name, box, isNew) => void (await send(['EVAL', swap, '1', keyOf(name), box, isNew ? '0' : '1'])),
  })
}

/** In SQLite: a read is a SELECT, a change also an UPDATE. */
export function sqlite({ secret, folder }: FloorOptions): Medium {
  return sealedUnderKeys(secret, sqliteRecords(folder))
}

/** In SQLite with copies in Redis: a read is a GET, a change also an UPDATE and then a SET. */
export function cached({ secret, folder, url }: FloorOptions): Medium {
  const { get, send, keyOf } = redisRecords(url)
  const rows = sqliteRecords(folder)
  return sealedUnderKeys(secret, {
    load: async (name) => (await get(name)) ?? (await rows.load(name)),
    async save(name, box, isNew) {
      await rows.save(name, box, isNew)
      await send(['SET', keyOf(name), box, 'PX', TWO_WEEKS_MS])
    },
  })
}

/** In files that survive a power failure, as what the engine has acknowledged does. */
export function file({ secret, folder }: FloorOptions): Medium {
  const root = join(folder, 'floor-files')
  mkdirSync(root, { recursive: true })
  return sealedUnderKeys(secret, {
    async load(name) {
      const file = await open(join(root, name), 'r').catch(() => undefined)
      if (file === undefined) return undefined
      const { bytesRead, buffer } = await read(file, Buffer.allocUnsafe(MAX_FILE_BYTES), 0, MAX_FILE_BYTES, null)
      await close(file)
      return buffer.subarray(0, bytesRead)
    },
    async save(name, box) {
      // It would be cut when it is read, and then look like a forgery.
      if (box.length > MAX_FILE_BYTES) throw new RangeError(`The floor's files have at most ${MAX_FILE_BYTES} bytes`)
      const temporary = join(root, `${name}.${randomBytes(6).toString('hex')}`)
      const file = await open(temporary, 'wx')
      await write(file, box)
      await sync(file)
      await close(file)
      await rename(temporary, join(root, name))
      const names = await open(root, 'r')
      await sync(names)
      await close(names)
    },
  })
}

function redisRecords(url = '') {
  const send = redisClient(url)
  const prefix = `floor:${randomBytes(6).toString('hex')}:`
  const keyOf = (name: string) => prefix + name
  return { send, keyOf, get: async (name: string) => (await send(['GET', keyOf(name)])) ?? undefined }
}

function sqliteRecords(folder: string): Records {
  const database = new sqlite3.Database(join(folder, 'floor.sqlite3'))
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE floor (name TEXT PRIMARY KEY, data TEXT, version INT)',
  )
  const prepared = (sql: string) => {
    let statement: sqlite3.Statement | undefined
    return (...values: string[]) =>
      new Promise<{ data: string } | undefined>((resolve, reject) => {
        statement ??= database.prepare(sql)
        statement.get(...values, (error: Error | null, row: { data: string } | undefined) =>
          error === null ? resolve(row) : reject(error),
        )
      })
  }
  const select = prepared('SELECT data FROM floor WHERE name = ?')
  const create = prepared('INSERT INTO floor VALUES (?, ?, 1)')
  const update = prepared('UPDATE floor SET data = ?, version = version + 1 WHERE name = ?')
  return {
    async load(name) {
      const row = await select(name)
      return row && Buffer.from(row.data, 'base64url')
    },
    async save(name, box, isNew) {
      const data = box.toString('base64url')
      await (isNew ? create(name, data) : update(data, name))
    },
  }
}
